/* SPDX-License-Identifier: Apache-2.0 */
/* A 9P connection used by many threads: each request has a tag and waits for its own reply. There is no
 * reader thread: one of the waiters reads (the leader), hands replies to their owners, and passes the
 * role on when its own has come. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gofer/p9.h"

struct p9_client;

/* One request. Fill req (tag is set by the call); after success rsp borrows from the connection until
 * p9_end(). */
struct p9_call {
	struct p9_client *client;
	int slot; /* -1: none held */
	int fd;	  /* descriptor that came with the reply, or -1; p9_end() closes it unless taken */
	struct p9_msg req, rsp;
};

/* Negotiates the version. Takes @fd on success only. -EPROTO, -EIO. */
int p9_client_new(struct p9_client **ret, int fd);
void p9_client_free(struct p9_client *c);
uint32_t p9_client_msize(const struct p9_client *c);

/* Sends and waits. Returns 0 (call p9_end()), the server's errno, or -EIO when the connection is gone
 * (p9_end() is then not needed, but harmless). */
int p9_rpc(struct p9_client *c, struct p9_call *call);
void p9_end(struct p9_call *call);

/* Fid numbers. A freed one is clunked with others in one message, at the latest by p9_flush_fids(). */
uint32_t p9_fid_new(struct p9_client *c);
uint32_t p9_fid_block(struct p9_client *c, uint32_t n); /* consecutive; P9_NOFID: none left */
void p9_fid_unused(struct p9_client *c, uint32_t fid);	/* was never bound */
void p9_fid_clunk(struct p9_client *c, uint32_t fid);
void p9_flush_fids(struct p9_client *c);
