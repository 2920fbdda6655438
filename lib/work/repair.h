/*
 * repair - containers, routes and rows agree again, after a crash, a reboot
 * or a time without the engine.
 *	the proxy's files	made anew from the route files
 *	an environment		what the proxy does not serve goes
 *	a live deployment	whose instances do not all run, some seconds
 *				after the engine came: started again, by a
 *				deployment with trigger `start`
 *	secrets			of runs that are over go
 *	repositories.json	says to rcn-hookd what the database says
 * An environment in which a job runs is left to that; if instances are missing
 * there, EX_TEMPFAIL "environment-busy": look again later.  A project that is
 * not in the database is nobody's to repair.
 */
#ifndef WORK_REPAIR_H
#define WORK_REPAIR_H

#include "work/hold.h"
#include "work/worker.h"

int repair(const struct worker_settings *, struct hold *, struct err *);

#endif
