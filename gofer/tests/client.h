/* SPDX-License-Identifier: Apache-2.0 */
/* A small 9P client against a server that runs in a thread of the test, over a scratch directory.
 * The server's own view of that directory is by path: the tests look at the result there. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gofer/gofer.h"
#include "gofer/p9.h"
#include "util/bytes.h"
#include "util/cleanup.h"

#define MAX_MOUNTS 4

struct rig_options {
	const char *version; /* default P9_VERSION_NETSENTRY; "" : do not negotiate */
	const char *root;    /* inside the scratch directory */
	bool readonly;
	int sock_type; /* default SOCK_STREAM */
	uint32_t msize;
	uint32_t uid; /* of the attach */
	size_t n_mounts;
	struct gofer_limits limits;
};

struct rig {
	char dir[64]; /* the scratch directory, absolute */
	int socks[MAX_MOUNTS];
	int sock; /* in use */
	int shutdown_pipe[2];
	int log_pipe[2];
	pthread_t thread;
	struct gofer_mount mounts[MAX_MOUNTS];
	struct gofer_config cfg;
	int serve_result;
	uint8_t out[P9_MSIZE_MAX];
	uint8_t in[P9_MSIZE_MAX];
	struct p9_msg reply; /* borrows from in */
	int got_fd;	     /* with the last reply; the test closes it */
};

/* Fid 0 is attached to the root. */
struct rig *rig_new(struct rig_options opt);
/* Ends the connection, joins the server, removes the scratch directory. */
void rig_free(struct rig *rig);
const char *rig_path(struct rig *rig, const char *name); /* static buffers, four in turn */
void rig_file(struct rig *rig, const char *name, const char *text);
void rig_use(struct rig *rig, size_t mount); /* negotiates and attaches on it as well */
char *rig_log(struct rig *rig);		     /* what was logged so far; static buffer */

/* One request and its reply in rig->reply. Returns 0, or the errno of an Rlerror, or -1 when the
 * connection has ended. */
int rpc(struct rig *rig, struct p9_msg req);
void rig_send(struct rig *rig, const void *bytes, size_t len);
int rig_recv(struct rig *rig); /* as rpc() without a request */

#define RPC(rig, TYPE, member, ...)                                                                \
	rpc(rig, (struct p9_msg){.type = P9_##TYPE, .tag = 1, .member = {__VA_ARGS__}})

/* Twalk of up to three names (NULL ends). */
int walk(struct rig *rig, uint32_t fid, uint32_t newfid, const char *a, const char *b,
	 const char *c);
struct p9_names names(const char *a, const char *b, const char *c);
struct p9_data data_of(const char *text);
