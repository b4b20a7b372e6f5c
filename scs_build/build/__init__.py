"""Running a plan: each kind of step, the executor, and what a build hands back."""
