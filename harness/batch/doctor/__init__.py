"""What this machine has and lacks for grading, a file a subject. Changes nothing."""
