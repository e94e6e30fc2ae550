/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX sockets as others see them: /proc/net/unix, unix_diag. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

struct unix_info {
	uint64_t inode, peer; /* peer 0: none */
	int type;
	uint8_t state; /* TCP_* numbers: 1 connected, 7 not, 10 listening */
	uint32_t refs, uid;
	uint32_t rqueue, wqueue; /* listening: waiting, backlog; else bytes to read, 0 */
	uint32_t rcvbuf, sndbuf;
	uint8_t shutdown; /* 1: receive, 2: send */
	uint64_t vfs_ino, vfs_dev;
	struct sockaddr_un name;
	socklen_t name_len; /* 0: unnamed */
};

/* All sockets of the sandbox; at most @max are filled in. Returns how many there are. */
size_t unix_snapshot(struct unix_info *ret, size_t max);
