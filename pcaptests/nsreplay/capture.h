/* SPDX-License-Identifier: Apache-2.0 */
/* Captures as lists of frames: everything that libpcap opens (pcap and pcapng, microseconds and
 * nanoseconds, both byte orders), of link type Ethernet, raw IP, SLL, SLL2, or loopback.
 *
 * Ethernet stays Ethernet; of the others the IP packets are kept, bare, and the rest is counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netstack/types.h>

#include "util/cleanup.h"

enum frame_kind {
	FRAME_ETHER,
	FRAME_IP, /* bare IPv4 or IPv6 */
};

struct frame {
	net_time at;	  /* since the first frame of the capture, or of the replay */
	uint32_t len;	  /* on the wire */
	uint32_t have;	  /* bytes kept: less if the capture was taken with a short snaplen */
	size_t number;	  /* in the file, from 1 */
	bool sent;	  /* by the stack (of a replay) */
	const char *note; /* why the stack discarded it, or NULL; static */
	uint8_t *bytes;
};

struct capture {
	enum frame_kind kind;
	struct frame *frames;
	size_t n, cap;
	size_t ignored; /* packets of link types SLL and SLL2 that are not IP */
};

/* What went wrong, for the user: "FILE: packet 7: ...". */
struct problem {
	char text[512];
};

int problem_set(struct problem *problem, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Reads a whole capture file. 0; -ENOENT ... if it does not open, -EINVAL if it is no capture or is
 * damaged, -EPROTONOSUPPORT for another link type, -ENOMEM; then @problem says which and why. */
MUST_CHECK int capture_read(struct capture *ret, const char *path, struct problem *problem);
/* The same from bytes in memory; @name is for messages. */
MUST_CHECK int capture_parse(struct capture *ret, const void *bytes, size_t len, const char *name,
			     struct problem *problem);
/* Copies a frame to the end. 0 or -ENOMEM. */
MUST_CHECK int capture_add(struct capture *capture, net_time at, const uint8_t *bytes, size_t have,
			   size_t len);
void capture_fini(struct capture *capture);
