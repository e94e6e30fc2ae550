/* SPDX-License-Identifier: Apache-2.0 */
/* A container as runsc remembers it: one directory below --root, holding state.json (replaced
 * atomically), config.json (as it was at create), lock, and the sandbox's control socket.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/cause.h"
#include "oci/spec.h"

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};

/* A process by number and start time, so that a reused number is not taken for it. */
struct proc_id {
	pid_t pid; /* 0: none */
	uint64_t start;
};

struct container {
	int dir_fd;  /* of the state directory */
	int lock_fd; /* -1: not locked */
	int root_fd; /* of --root */
	char *id, *version, *bundle, *rootfs, *created, *owner;
	enum container_status status;
	struct proc_id sandbox, gofer;
	json_t *annotations; /* object or NULL */
	json_t *cgroups;     /* array of directories that we made */
	char *netns;	     /* a namespace that is not ours, whose addresses we took; or NULL */
	char *host_link;     /* interface made on the host, or NULL */
	char *address;	     /* of the sandbox, for display; or NULL */
};

const char *container_status_name(enum container_status status);

/* Makes the directory and takes the lock. -EEXIST when the id is taken, -EINVAL when not an id. */
int container_new(struct container **ret, const char *root, const char *id, struct cause *cause);
/* -ENOENT with "container does not exist". @lock waits for other commands on it. */
int container_open(struct container **ret, const char *root, const char *id, bool lock,
		   struct cause *cause);
void container_close(struct container *c); /* unlocks and frees, keeps the directory */
DEFINE_CLEANUP(struct container *, container_close)

/* Lets other commands at it; a lock that is already given up is fine. */
void container_unlock(struct container *c);
int container_lock(struct container *c, struct cause *cause);
/* Writes state.json. */
int container_save(struct container *c, struct cause *cause);
/* Removes the directory. */
int container_remove(struct container *c, struct cause *cause);
/* What it is really: stopped when the sandbox process is gone. */
void container_refresh(struct container *c);
/* Loads the configuration it was created with. */
int container_spec(struct container *c, struct oci_spec *ret, struct cause *cause);
/* The state of the specification, with runc's additions. New reference. */
json_t *container_state_json(const struct container *c);
bool container_id_valid(const char *id);

/* Calls @fn for each container below @root, opened without lock. */
int container_each(const char *root, int (*fn)(struct container *c, void *arg), void *arg,
		   struct cause *cause);

/* Fills id from /proc; false when there is no such process (or it is a zombie). */
bool proc_identify(pid_t pid, struct proc_id *ret);
bool proc_alive(const struct proc_id *id);
/* A pidfd that certainly is the process, or a negative errno. */
int proc_open(const struct proc_id *id);
/* Waits for its end. Returns false on timeout. */
bool proc_wait(const struct proc_id *id, int timeout_ms);
int proc_signal(const struct proc_id *id, int signo);
