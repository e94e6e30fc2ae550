/* SPDX-License-Identifier: Apache-2.0 */
/* Between call.c and call_args.c. */
#pragma once

#include "nsdrill/run.h"

struct call_ctx {
	struct run *run;
	const struct call *call;
	struct pending *pending;
	struct request *req;
	int script_fd;
};

int call_int(struct call_ctx *cc, size_t i, int64_t *ret);
void *call_alloc(struct call_ctx *cc, size_t len);
int call_iov(struct call_ctx *cc, const struct expr *list);

/* The peer's address as the request's. */
int call_peer(struct call_ctx *cc);

/* Calls with structures as arguments. */
int call_prep_msg(struct call_ctx *cc);
int call_prep_ioctl(struct call_ctx *cc);
int call_prep_getsockopt(struct call_ctx *cc);
int call_prep_setsockopt(struct call_ctx *cc);
int call_prep_poll(struct call_ctx *cc);
int call_prep_epoll_ctl(struct call_ctx *cc);
int call_prep_epoll_wait(struct call_ctx *cc);
/* Compares what the call wrote with what the script says. */
int call_check_output(struct call_ctx *cc);
