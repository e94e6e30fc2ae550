/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dissector share. */
#pragma once

#include "dissect.h"
#include "util/bytes.h"

/* The IP packet around a transport header. */
struct dis_ip {
	unsigned addr_len; /* 4 or 16 */
	const uint8_t *src, *dst;
	uint8_t proto;
	bool quoted;	/* inside of an ICMP error: no checksums, nothing is remembered */
	bool truncated; /* the capture does not hold the whole packet */
};

void dis_put(struct dis *d, const char *name, unsigned attr, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Ends the dissection with what is wrong. */
void dis_bad(struct dis *d, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Length, hash and beginning of a payload. */
void dis_data(struct dis *d, const uint8_t *bytes, size_t have, size_t len);
/* The sum field at @sum_at in @bytes with @pseudo from dis_pseudo(). */
void dis_sum(struct dis *d, const char *name, const struct dis_ip *ip, const uint8_t *bytes,
	     size_t len, size_t sum_at, uint32_t pseudo);
uint32_t dis_sum_add(uint32_t sum, const uint8_t *bytes, size_t len);
uint16_t dis_sum_fold(uint32_t sum);
uint32_t dis_pseudo(const struct dis_ip *ip, size_t len);

/* @in: what is left of the packet; @len: how long it was. */
void dis_l4(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len, struct flows *flows);
void dis_icmp4(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
	       struct flows *flows);
void dis_icmp6(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len,
	       struct flows *flows);
void dis_igmp(struct dis *d, const struct dis_ip *ip, struct rd *in, size_t len);
/* An IP packet of @len bytes, of which @in has some. */
void dis_ip4(struct dis *d, struct rd *in, size_t len, bool quoted, struct flows *flows);
void dis_ip6(struct dis *d, struct rd *in, size_t len, bool quoted, struct flows *flows);
