"""What comes from elsewhere: blobs on their way in, and the judgement of an image before it becomes one of ours."""
