"""On the path of the processes that `bench.overhead` starts, and of no other."""
