"""Kinds of images: ``base`` says in what they differ, one file each for the variants, ``choose`` picks one.

A kind to come, such as an image for an IoT device, is a member of ``ImageKind`` and a file here; ``choose`` does not
pass the type checker without it.
"""
