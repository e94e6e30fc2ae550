/* SPDX-License-Identifier: Apache-2.0 */
/* nfnetlink attributes (linux/netfilter/nfnetlink.h): numbers in network order, strings, nests. Read with
 * bounds checked; written into a growing buffer whose failure is sticky. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "netstack/nf.h"
#include "util/cleanup.h"

struct nfa {
	const uint8_t *data; /* NULL: not there */
	uint16_t len;
};

/* Walks attributes; *pos starts at 0. */
bool nfa_next(const uint8_t *data, size_t len, size_t *pos, uint16_t *type, struct nfa *ret);
/* tb[0..max] by type; larger types are ignored. */
void nfa_parse(struct nfa *tb, unsigned max, const uint8_t *data, size_t len);
static inline void nfa_nested(struct nfa *tb, unsigned max, const struct nfa *a)
{
	nfa_parse(tb, max, a->data, a->len);
}

uint8_t nfa_u8(const struct nfa *a);
uint16_t nfa_be16(const struct nfa *a);
uint32_t nfa_be32(const struct nfa *a);
uint64_t nfa_be64(const struct nfa *a);
/* The string as it is in the message; false if it is empty or too long for @size. */
bool nfa_str(const struct nfa *a, char *ret, size_t size);

void nfb_raw(struct net_nf_buf *b, const void *data, size_t len);
void nfb_put(struct net_nf_buf *b, uint16_t type, const void *data, size_t len);
void nfb_u8(struct net_nf_buf *b, uint16_t type, uint8_t v);
void nfb_be16(struct net_nf_buf *b, uint16_t type, uint16_t v);
void nfb_be32(struct net_nf_buf *b, uint16_t type, uint32_t v);
void nfb_be64(struct net_nf_buf *b, uint16_t type, uint64_t v);
void nfb_str(struct net_nf_buf *b, uint16_t type, const char *s);
size_t nfb_nest(struct net_nf_buf *b, uint16_t type);
void nfb_nest_end(struct net_nf_buf *b, size_t at);
/* A message: header with type, family and resource id; the reader fills in flags, sequence, port. */
void nfb_begin(struct net_nf_buf *b, uint16_t type, uint8_t family, uint16_t res_id);
void nfb_end(struct net_nf_buf *b);
