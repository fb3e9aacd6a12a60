"""What a worker process of a pool runs, in few modules that load little; and what both sides share with it."""
