"""Kinds of images: ``base`` says in what they differ, one file each for the variants, ``choose`` picks one."""
