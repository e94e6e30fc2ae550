/* SPDX-License-Identifier: Apache-2.0 */
/* created, running, stopped: the transitions of the specification ("Lifecycle"). */
#pragma once

#include "cli/globals.h"
#include "container/container.h"
#include "sandbox/sandbox.h"

struct create_args {
	const char *id;
	const char *bundle; /* absolute */
	struct oci_spec *spec;
	const char *console_socket, *pid_file;
	unsigned preserve_fds;
	bool attached;	   /* the sandbox dies with this process */
	bool own_terminal; /* without a console socket: our stdio is the terminal */
	bool ordinary_init; /* signals end the program as they end any other */
	bool private_net; /* make a network for it instead of adopting one */
	bool overlay_root, overlay_binds; /* a memory overlay keeps writes from the host's files */
};

/* Makes the container, locked. On failure nothing is left. */
int container_create(const struct globals *g, const struct create_args *args,
		     struct container **ret, struct cause *cause);
/* Starts the created init; runs startContainer and poststart hooks. */
int container_start(struct container *c, struct cause *cause);
/* Ends whatever still runs and removes every trace; runs poststop hooks. */
int container_destroy(struct container *c, struct cause *cause);
/* Waits for a sandbox that is our child. Returns what runsc exits with. */
int container_wait_child(struct container *c);
/* 0 and the signal sent, -ESRCH when there is nothing to signal. */
int container_kill(struct container *c, int signo, bool all, struct cause *cause);

int write_pid_file(const char *path, pid_t pid, struct cause *cause);
