"""How the fleet is: who works, whether all is well, and whether anything new may begin."""
