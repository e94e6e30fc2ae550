/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a packet is the one that a script wants. */
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nsdrill/packet.h"

struct why {
	char *buf;
	size_t size;
};

static bool differ(const struct why *w, const char *field, uint32_t want, uint32_t got)
{
	snprintf(w->buf, w->size, "%s: expected %u (0x%x), actual %u (0x%x)", field, want, want,
		 got, got);
	return false;
}

#define SAME(field, want, got)                                                                     \
	do {                                                                                       \
		if ((want) != (got))                                                               \
			return differ(w, field, (uint32_t)(want), (uint32_t)(got));                \
	} while (0)

static bool same_ip(const struct ip_info *want, const struct ip_info *got, const struct why *w)
{
	if (want->tos_check == TOS_ECN)
		SAME("ECN bits", want->tos & 3, got->tos & 3);
	if (want->tos_check == TOS_ECT01 && (got->tos & 3) != 1 && (got->tos & 3) != 2)
		return differ(w, "ECN bits (ECT(0) or ECT(1) wanted)", 2, got->tos & 3);
	if (want->tos_check == TOS_BYTE)
		SAME("TOS", want->tos, got->tos);
	if (want->ttl)
		SAME("TTL", want->ttl, got->ttl);
	SAME("is a fragment", want->is_frag, got->is_frag);
	if (want->is_frag) {
		SAME("fragment offset", want->frag_off, got->frag_off);
		SAME("fragment size", want->frag_size, got->frag_size);
		SAME("more fragments", want->frag_more, got->frag_more);
	}
	return true;
}

static bool same_encap(const struct encap *want, const struct encap *got, const struct why *w)
{
	SAME("kind of an outer header", want->kind, got->kind);
	switch (want->kind) {
	case ENCAP_IPV4:
	case ENCAP_IPV6:
		if (memcmp(want->src, got->src, 16) != 0 || memcmp(want->dst, got->dst, 16) != 0) {
			snprintf(w->buf, w->size, "addresses of the outer header");
			return false;
		}
		return same_ip(&want->ip, &got->ip, w);
	case ENCAP_GRE:
		SAME("GRE flags", want->gre_flags, got->gre_flags);
		SAME("GRE key", want->gre_key, got->gre_key);
		SAME("GRE sequence number", want->gre_seq, got->gre_seq);
		return true;
	case ENCAP_MPLS:
		SAME("MPLS labels", want->nmpls, got->nmpls);
		for (int i = 0; i < want->nmpls; i++)
			SAME("MPLS entry", want->mpls[i], got->mpls[i]);
		return true;
	}
	return false;
}

/* Timestamps are compared where the clock is known; the caller has done that. */
static bool same_options(const struct packet *want, const struct packet *got, const struct why *w)
{
	size_t wpos = 0, gpos = 0;
	struct tcp_opt wo, go;

	for (int i = 1;; i++) {
		bool have_w = tcp_opt_next(want->options, want->options_len, &wpos, &wo);
		bool have_g = tcp_opt_next(got->options, got->options_len, &gpos, &go);

		if (!have_w && !have_g)
			break;
		if (have_w != have_g || wo.kind != go.kind || wo.len != go.len) {
			snprintf(w->buf, w->size, "TCP option number %d differs", i);
			return false;
		}
		if (wo.kind == TCPOPT_TIMESTAMP || wo.len <= 2)
			continue;
		if (memcmp(wo.data, go.data, wo.len - 2u) != 0) {
			snprintf(w->buf, w->size, "value of TCP option number %d differs", i);
			return false;
		}
	}
	SAME("length of the TCP options", want->options_len, got->options_len);
	return true;
}

static bool same_tcp(const struct packet *want, const struct packet *got, const struct why *w)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} bits[] = {
		{FLAG_SYN, "SYN"}, {FLAG_RST, "RST"}, {FLAG_ACK, "ACK"},
		{FLAG_FIN, "FIN"}, {FLAG_PSH, "PSH"}, {FLAG_URG, "URG"},
		{FLAG_ECE, "ECE"}, {FLAG_CWR, "CWR"}, {FLAG_AE, "AE"},
	};

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		SAME(bits[i].name, !!(want->flags & bits[i].bit), !!(got->flags & bits[i].bit));
	SAME("reserved bits", 0, got->reserved);
	SAME("sequence number", want->seq, got->seq);
	SAME("acknowledgement number", want->flags & FLAG_ACK ? want->ack : 0,
	     want->flags & FLAG_ACK ? got->ack : 0);
	if (want->window >= 0)
		SAME("window", want->window, got->window);
	SAME("urgent pointer", want->urgent, got->urgent);
	if (!want->options_any && !same_options(want, got, w))
		return false;
	SAME("payload length", want->payload_len, got->payload_len);
	return true;
}

static bool same_icmp(const struct packet *want, const struct packet *got, const struct why *w)
{
	SAME("ICMP type", want->icmp_type, got->icmp_type);
	SAME("ICMP code", want->icmp_code, got->icmp_code);
	if (want->icmp_mtu >= 0)
		SAME("MTU", want->icmp_mtu, got->icmp_mtu);
	if (want->icmp_id)
		SAME("identifier", want->icmp_id, got->icmp_id);
	if (want->echoed_implied)
		return true;
	if (want->echoed_protocol == IPPROTO_UDP || want->echoed_protocol == IPPROTO_TCP) {
		SAME("protocol of the quoted packet", want->echoed_protocol, got->echoed_protocol);
		SAME("length of the quoted packet", want->echoed_len, got->echoed_len);
	}
	if (want->echoed_protocol == IPPROTO_RAW)
		SAME("ICMP length", want->echoed_len, got->payload_len + 8);
	return true;
}

bool packet_same(const struct packet *want, const struct packet *got, char *buf, size_t size)
{
	struct why why = {buf, size}, *w = &why;

	if (got->malformed) {
		snprintf(buf, size, "%s", got->malformed);
		return false;
	}
	SAME("outer headers", want->nencap, got->nencap);
	for (int i = 0; i < want->nencap; i++) {
		if (!same_encap(&want->encap[i], &got->encap[i], w))
			return false;
	}
	SAME("protocol", want->protocol, got->protocol);
	if (!same_ip(&want->ip, &got->ip, w))
		return false;
	if (want->ip.is_frag && want->ip.frag_off)
		return true;
	if (want->sport)
		SAME("source port", want->sport, got->sport);
	if (want->dport)
		SAME("destination port", want->dport, got->dport);
	if (want->protocol == IPPROTO_TCP && !same_tcp(want, got, w))
		return false;
	if (want->protocol == IPPROTO_ICMP)
		return same_icmp(want, got, w);
	if (want->protocol == IPPROTO_UDP && !want->ip.is_frag)
		SAME("payload length", want->payload_len, got->payload_len);
	if (!got->payload_is_zero) {
		snprintf(buf, size, "payload is not the bytes that were written");
		return false;
	}
	return true;
}
