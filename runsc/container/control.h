/* SPDX-License-Identifier: Apache-2.0 */
/* The client of the sandbox's control socket (sentry/control.h). Replies are hostile: a length is
 * checked, a text is cut and its control characters are replaced. */
#pragma once

#include <sentry/control.h>
#include <stddef.h>

#include "container/container.h"

struct control_call {
	struct control_request req; /* len is filled in */
	const void *payload;
	size_t payload_len;
	const int *fds; /* borrowed */
	size_t n_fds;
	int timeout_ms; /* 0: for ever */
};

/* Makes the listening socket in the state directory. */
int control_listen(const struct container *c, struct cause *cause);
int control_connect(const struct container *c, struct cause *cause);
/* Sends on a connection and waits for the reply; -ETIMEDOUT, -ECONNRESET, or reply.error.
 * @ret_text (may be NULL): the reply's payload, NUL-terminated, to be freed. */
int control_exchange(int fd, const struct control_call *call, struct control_reply *ret,
		     char **ret_text, struct cause *cause);
/* Connects, exchanges, closes. */
int control_once(const struct container *c, const struct control_call *call,
		 struct control_reply *ret, char **ret_text, struct cause *cause);
/* A further reply on a connection that was left open. */
int control_read_reply(int fd, struct control_reply *ret, char **ret_text, int timeout_ms,
		       struct cause *cause);
