/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as lists of named fields in text: what is printed, what is compared.
 *
 * A reader of its own: it shares no parser with the stack it judges. Malformed input ends in a
 * field "malformed" that says what is wrong; everything readable before it is there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture.h"
#include "flow.h"

#define DIS_TEXT 88
#define DIS_FIELDS 96

enum dis_attr {
	DIS_QUIET = 1,	/* ordinary: left out of the line */
	DIS_RANDOM = 2, /* differs from stack to stack by chance: not compared unless asked for */
	DIS_LAYER = 4,	/* begins a layer */
};

struct dis_field {
	const char *name; /* "ip.ttl" */
	uint8_t attr;
	char text[DIS_TEXT];
};

struct dis {
	unsigned n;
	bool malformed;
	bool bad_sum; /* a checksum that is there and wrong */
	struct dis_field f[DIS_FIELDS];
};

/* @flows remembers conversations between calls: frames must come in order. @note false: only looks
 * at what is remembered. */
void dissect(struct dis *ret, const struct frame *frame, enum frame_kind kind, struct flows *flows);

/* One line, without a newline. Returns its length, at most size - 1. */
size_t dis_line(const struct dis *dis, char *to, size_t size);

/* The text of the n-th field (from 0) of that name, or NULL. */
const char *dis_get(const struct dis *dis, const char *name, unsigned nth);

/* "10.0.0.1", "fe80::1" (RFC 5952). */
void dis_addr(char *to, size_t size, const uint8_t *addr, unsigned addr_len);
