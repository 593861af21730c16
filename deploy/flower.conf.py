"""How Flower shows the fleets and their jobs; what differs by deployment is on its command line."""

# Flower takes every name here that one of its options has, such as `logging`.
from logging import getLogger

from kyros_worker import log

#: A job's arguments are ids, role and priority; its result says in a word what came of it.
tasks_columns = "name,args,state,result,received,runtime,worker"
#: A worker that was started again has another pid, and so another name.
purge_offline_workers = 600

log.configure("flower")
getLogger("kyros").info("Flower begins.")
