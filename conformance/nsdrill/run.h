/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter: events in their order against one target. */
#pragma once

#include "nsdrill/code.h"
#include "nsdrill/symbols.h"
#include "nsdrill/target.h"
#include "nsdrill/wire.h"

#define RUN_FDS_MAX 64

struct fd_map {
	int script, live;
	bool closed;
};

/* A call that has not returned. */
struct pending {
	struct request req;
	const struct event *event;
	int64_t begin_us, end_us; /* script time */
	struct arena arena;	  /* what the request points to */
};

struct run {
	const struct config *cfg;
	struct script *script;
	struct target *target;
	struct code *code;
	struct diag *diag;
	struct conn *conns; /* newest first */
	struct conn *sut;   /* the socket under test */
	struct fd_map fds[RUN_FDS_MAX];
	size_t nfds;
	uint16_t next_port;
	struct pending *pending;

	const struct event *event, *last;
	int64_t event_us, event_us_end; /* absolute */
	int64_t last_us;		/* of the event before, absolute */
	struct frame *held;		/* taken from the wire but not wanted yet */
};

/* Runs a parsed script. 0, or -EINVAL with @diag filled. */
MUST_CHECK int run_script(struct script *script, const struct config *cfg, struct target *target,
			  struct code *code, struct diag *diag);

/* Between the files of the interpreter. */
int run_fail(struct run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int run_check_time(struct run *run, const struct event *ev, int64_t want, int64_t want_end,
		   int64_t since, int64_t actual, const char *what);
int run_call_event(struct run *run);
int run_call_settle(struct run *run, int64_t until_us); /* the blocked call must be over */
void run_call_poll(struct run *run, int *ret);		/* checks it if it is over */
int run_packet_event(struct run *run);
int run_code_event(struct run *run);
struct conn *run_conn_new(struct run *run);
struct conn *run_conn_by_fd(struct run *run, int script_fd);
int run_live_fd(struct run *run, const struct expr *e, int *ret);
/* @again: a number in use is taken over (scripts accept() twice into one). */
int run_fd_add(struct run *run, int script, int live, bool again);
