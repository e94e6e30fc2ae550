/* SPDX-License-Identifier: Apache-2.0 */
/* The hand-driven peer: conversations with a stack in virtual time. */
#include "sim/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "netstack/info.h"
#include "netstack/pkt.h"
#include "sim/link.h"
#include "util/md5.h"
#include "wire/checksum.h"
#include "wire/wire.h"

#define STACK_PORT 8080
#define PEER_PORT 40000
#define PEER_ISS 1000000u
#define PAYLOAD_MAX 65535

struct peer_out {
	net_time at;
	struct tcp_hdr hdr;
	struct tcp_opts opts;
	uint32_t len;
	uint16_t gso;
	uint8_t ecn;
};

static struct net_addr addr_of(const struct peer *peer, int end)
{
	struct net_addr addr = {.family = (uint16_t)peer->cfg.family};

	if (peer->cfg.family == AF_INET) {
		addr.bytes[0] = 10;
		addr.bytes[2] = 1;
		addr.bytes[3] = (uint8_t)(end + 1);
	} else {
		addr.bytes[0] = 0xfd;
		addr.bytes[3] = 1;
		addr.bytes[15] = (uint8_t)(end + 1);
	}
	return addr;
}

static socklen_t sockaddr_of(const struct peer *peer, int end, uint16_t port,
			     struct sockaddr_storage *ret)
{
	struct net_addr addr = addr_of(peer, end);

	memset(ret, 0, sizeof(*ret));
	if (peer->cfg.family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = __builtin_bswap16(port);
		memcpy(&sin->sin_addr, addr.bytes, 4);
		return sizeof(*sin);
	}

	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = __builtin_bswap16(port);
	memcpy(&sin6->sin6_addr, addr.bytes, 16);
	return sizeof(*sin6);
}

struct peer *peer_new(const struct peer_config *cfg)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	struct net_config net;
	struct net_link_config link = {.kind = NET_LINK_IP, .name = "peer"};
	struct net_ifaddr ifaddr = {0};

	if (!peer)
		return NULL;
	if (cfg)
		peer->cfg = *cfg;
	if (!peer->cfg.family)
		peer->cfg.family = AF_INET;
	if (!peer->cfg.mss)
		peer->cfg.mss = 1460;
	if (!peer->cfg.wnd)
		peer->cfg.wnd = 65535;
	if (!peer->cfg.backlog)
		peer->cfg.backlog = 16;
	peer->start = peer->now = NET_SEC(1000);
	peer->port = PEER_PORT;
	peer->local_port = STACK_PORT;
	peer->iss = PEER_ISS;
	net_config_init(&net);
	memcpy(net.seed, &peer->cfg.seed, sizeof(peer->cfg.seed));
	net.now = peer->now;
	if (peer->cfg.tune)
		peer->cfg.tune(&net);
	link.mtu = peer->cfg.mtu ? peer->cfg.mtu : 1500;
	link.offloads = peer->cfg.offloads;
	ifaddr.addr = addr_of(peer, 0);
	ifaddr.prefix_len = peer->cfg.family == AF_INET ? 24 : 64;
	if (net_stack_new(&peer->stack, &net) < 0 ||
	    net_link_attach(peer->stack, &peer->link, &link) < 0)
		return peer_free(peer);
	ifaddr.link = peer->link;
	if (net_addr_add(peer->stack, &ifaddr) < 0)
		return peer_free(peer);
	if (getenv("PEER_TRACE"))
		peer->trace = stderr;
	return peer;
}

struct peer *peer_free(struct peer *peer)
{
	if (!peer)
		return NULL;
	net_stack_free(peer->stack);
	free(peer->out);
	free(peer);
	return NULL;
}

/* Keeps a TCP segment that the stack sent; anything else (neighbour discovery) is not for us. */
/* RFC 2385 2.0 over an IPv4 packet. */
static void md5_of(const struct peer *peer, const uint8_t *ip, uint32_t tcp_len, uint32_t hdr_len,
		   uint8_t ret[MD5_DIGEST_LEN])
{
	const uint8_t *tcp = ip + 20;
	uint8_t tail[4] = {0, IPPROTO_TCP, (uint8_t)(tcp_len >> 8), (uint8_t)tcp_len};
	struct md5 md5;

	md5_init(&md5);
	md5_add(&md5, ip + 12, 8);
	md5_add(&md5, tail, 4);
	md5_add(&md5, tcp, TCP_CSUM_OFFSET);
	md5_add(&md5, (const uint8_t[2]){0, 0}, 2);
	md5_add(&md5, tcp + TCP_CSUM_OFFSET + 2, 2);
	md5_add(&md5, tcp + hdr_len, tcp_len - hdr_len);
	md5_add(&md5, peer->md5, strlen(peer->md5));
	md5_final(&md5, ret);
}

static bool signature_ok(const struct peer *peer, const struct pkt *pkt, uint32_t len,
			 const struct peer_out *out)
{
	uint8_t digest[MD5_DIGEST_LEN];
	uint8_t *all = malloc(len);

	if (!all || !(out->opts.has & TCP_HAS_MD5)) {
		free(all);
		return false;
	}
	net_pkt_read(pkt, 0, all, len);
	md5_of(peer, all, len - 20, out->hdr.hdr_len, digest);
	free(all);
	return !memcmp(digest, out->opts.md5, sizeof(digest));
}

static void keep(struct peer *peer, struct pkt *pkt)
{
	uint8_t bytes[160];
	struct net_offload offload;
	uint32_t len = (uint32_t)net_pkt_len(pkt);
	uint32_t have = (uint32_t)net_pkt_read(pkt, 0, bytes, sizeof(bytes));
	struct peer_out *out;
	uint32_t ip_len;
	uint8_t ecn;
	struct rd in;

	net_pkt_get_offload(pkt, &offload);
	if (peer->trace)
		sim_trace_frame(peer->trace, peer->now - peer->start, ">", bytes, have, false,
				&offload);
	rd_init(&in, bytes, have);
	if (peer->cfg.family == AF_INET) {
		if (bytes[0] >> 4 != 4 || bytes[9] != IPPROTO_TCP)
			return;
		ip_len = (bytes[0] & 15u) * 4;
		ecn = bytes[1] & 3;
	} else {
		if (bytes[0] >> 4 != 6 || bytes[6] != IPPROTO_TCP)
			return;
		ip_len = 40;
		ecn = bytes[1] >> 4 & 3;
	}
	if (peer->nout == peer->out_cap) {
		size_t cap = peer->out_cap ? 2 * peer->out_cap : 64;
		struct peer_out *more = realloc(peer->out, cap * sizeof(*more));

		if (!more)
			return;
		peer->out = more;
		peer->out_cap = cap;
	}
	out = &peer->out[peer->nout];
	memset(out, 0, sizeof(*out));
	rd_skip(&in, ip_len);
	if (tcp_parse(&out->hdr, &in))
		return;
	struct rd opts = rd_sub(&in, out->hdr.hdr_len - TCP_HDR_LEN);

	(void)tcp_parse_opts(&out->opts, &opts);
	if (peer->md5 && !signature_ok(peer, pkt, len, out))
		peer->bad_md5++;
	out->at = peer->now;
	out->ecn = ecn;
	out->len = len - ip_len - out->hdr.hdr_len;
	out->gso = offload.gso_type ? offload.gso_size : 0;
	if (out->hdr.flags & TCP_FLAG_SYN) {
		peer->stack_iss = out->hdr.seq;
		peer->know_iss = true;
		peer->local_port = out->hdr.sport;
	}
	if (out->opts.has & TCP_HAS_TS)
		peer->last_tsval = out->opts.ts_val;
	peer->nout++;
}

static void collect(struct peer *peer)
{
	struct net_event event;
	struct pkt *pkt;

	for (int i = 0; i < 1000; i++) {
		bool busy = false;

		net_stack_clock(peer->stack, peer->now);
		if (net_stack_deadline(peer->stack) <= peer->now) {
			net_stack_poll(peer->stack, peer->now);
			busy = true;
		}
		while ((pkt = net_link_take_output(peer->stack, peer->link))) {
			keep(peer, pkt);
			net_pkt_free(pkt);
			busy = true;
		}
		while (net_stack_next_event(peer->stack, &event)) {
			if (event.sock == peer->sock)
				peer->woke |= event.woke;
			busy = true;
		}
		if (!busy)
			return;
	}
}

void peer_run(struct peer *peer, net_time at)
{
	net_time until = peer->start + at;

	collect(peer);
	for (;;) {
		net_time next = net_stack_deadline(peer->stack);

		if (next > until)
			break;
		if (next > peer->now)
			peer->now = next;
		collect(peer);
	}
	if (until > peer->now)
		peer->now = until;
	collect(peer);
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static uint8_t hex_bytes(const char *text, uint8_t *ret)
{
	uint8_t n = 0;

	for (; text && text[0] && text[1]; text += 2)
		ret[n++] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
	return n;
}

static void fill_opts(const struct peer *peer, const struct peer_seg *seg, struct tcp_opts *opts)
{
	opts->has = 0;
	if (seg->fo) {
		opts->has |= TCP_HAS_FASTOPEN;
		opts->fastopen_exp = seg->fo_exp;
		opts->fastopen_len = hex_bytes(seg->fo_cookie, opts->fastopen);
	}
	if (seg->mss) {
		opts->has |= TCP_HAS_MSS;
		opts->mss = seg->mss;
	}
	if (seg->wscale) {
		opts->has |= TCP_HAS_WSCALE;
		opts->wscale = (uint8_t)(seg->wscale - 1);
	}
	if (seg->sack_ok)
		opts->has |= TCP_HAS_SACK_OK;
	if (seg->ts || peer->cfg.ts) {
		opts->has |= TCP_HAS_TS;
		opts->ts_val = seg->ts ? seg->tsval
				       : 5000 + (uint32_t)((peer->now - peer->start) / 1000000);
		opts->ts_ecr = seg->ts			   ? seg->tsecr
			       : seg->flags & TCP_FLAG_ACK ? peer->last_tsval
							   : 0;
	}
	if (seg->nsack) {
		opts->has |= TCP_HAS_SACK;
		opts->sack_count = (uint8_t)seg->nsack;
		for (unsigned int i = 0; i < seg->nsack; i++) {
			opts->sack[i].start = seg->sack[i][0] + peer->stack_iss;
			opts->sack[i].end = seg->sack[i][1] + peer->stack_iss;
		}
	}
}

static size_t put_ip(const struct peer *peer, struct wr *out, uint8_t proto, uint8_t tos,
		     size_t len)
{
	struct net_addr src = addr_of(peer, 1), dst = addr_of(peer, 0);

	if (peer->cfg.family == AF_INET) {
		struct ip4_hdr ip = {
			.hdr_len = 20,
			.tos = tos,
			.total_len = (uint16_t)(20 + len),
			.flags = IP4_DF,
			.ttl = 64,
			.proto = proto,
			.src = src,
			.dst = dst,
		};

		ip4_emit(out, &ip, NULL);
		return 20;
	}

	struct ip6_hdr_v ip = {
		.tclass = tos,
		.payload_len = (uint16_t)len,
		.next = proto,
		.hop_limit = 64,
		.src = src,
		.dst = dst,
	};

	ip6_emit(out, &ip);
	return 40;
}

static void give(struct peer *peer, const uint8_t *frame, size_t len,
		 const struct net_offload *offload)
{
	struct pkt *pkt = net_pkt_new(peer->stack, len);

	if (!pkt)
		return;
	if (net_pkt_fill(pkt, frame, len) < 0) {
		net_pkt_free(pkt);
		return;
	}
	if (offload)
		net_pkt_set_offload(pkt, offload);
	if (peer->trace)
		sim_trace_frame(peer->trace, peer->now - peer->start, "<", frame, (uint32_t)len,
				false, &(struct net_offload){0});
	(void)net_link_input(peer->stack, peer->link, peer->now, pkt);
	collect(peer);
}

void peer_rx_from(struct peer *peer, net_time at, uint16_t port, const struct peer_seg *seg)
{
	static const size_t room = 40 + TCP_HDR_MAX + PAYLOAD_MAX;
	uint8_t *frame = calloc(1, room);
	struct net_addr src = addr_of(peer, 1), dst = addr_of(peer, 0);
	struct net_offload offload = {0};
	struct tcp_opts opts;
	struct tcp_hdr hdr = {
		.sport = port,
		.dport = peer->local_port,
		.seq = peer->iss + seg->seq,
		.ack = seg->flags & TCP_FLAG_ACK ? peer->stack_iss + seg->ack : 0,
		.flags = seg->flags,
		.urg = seg->urg,
		.wnd = (uint16_t)(seg->wnd_zero ? 0
				  : seg->wnd	? seg->wnd
						: peer->cfg.wnd),
	};
	size_t tcp_len, ip_len;
	uint64_t sum;
	struct wr out;

	if (!frame)
		return;
	peer_run(peer, at);
	fill_opts(peer, seg, &opts);
	if (peer->md5)
		opts.has |= TCP_HAS_MD5;
	tcp_len = TCP_HDR_LEN + tcp_opts_len(&opts) + seg->len;
	wr_init(&out, frame, room);
	ip_len = put_ip(peer, &out, IPPROTO_TCP, seg->ecn, tcp_len);
	tcp_emit(&out, &hdr, &opts);
	for (uint32_t i = 0; i < seg->len; i++)
		wr_u8(&out, (uint8_t)(seg->seq + i));
	if (peer->md5)
		md5_of(peer, frame, (uint32_t)tcp_len, (uint32_t)tcp_len - seg->len,
		       frame + ip_len + TCP_HDR_LEN + 4);
	sum = csum_pseudo(&src, &dst, IPPROTO_TCP, (uint32_t)tcp_len);
	sum = csum_add(sum, frame + ip_len, tcp_len);
	store_be16(frame + ip_len + TCP_CSUM_OFFSET,
		   (uint16_t)(csum_fold(sum) ^ (seg->bad_sum ? 0x1234 : 0)));
	if (seg->gso) {
		offload.flags = NET_OFFLOAD_DATA_VALID;
		offload.gso_type = peer->cfg.family == AF_INET ? NET_GSO_TCP4 : NET_GSO_TCP6;
		offload.gso_size = seg->gso;
		offload.hdr_len = (uint16_t)(ip_len + tcp_len - seg->len);
	}
	give(peer, frame, ip_len + tcp_len, seg->gso ? &offload : NULL);
	free(frame);
}

void peer_rx(struct peer *peer, net_time at, const struct peer_seg *seg)
{
	peer_rx_from(peer, at, peer->port, seg);
}

/* Writes the header of the packet that failed, as a router quotes it. */
static size_t put_quote(const struct peer *peer, struct wr *out, uint32_t seq)
{
	struct net_addr src = addr_of(peer, 0), dst = addr_of(peer, 1);
	size_t before = wr_len(out);

	if (peer->cfg.family == AF_INET) {
		struct ip4_hdr ip = {.hdr_len = 20,
				     .total_len = 1500,
				     .flags = IP4_DF,
				     .ttl = 60,
				     .proto = IPPROTO_TCP,
				     .src = src,
				     .dst = dst};

		ip4_emit(out, &ip, NULL);
	} else {
		struct ip6_hdr_v ip = {.payload_len = 1460,
				       .next = IPPROTO_TCP,
				       .hop_limit = 60,
				       .src = src,
				       .dst = dst};

		ip6_emit(out, &ip);
	}
	wr_be16(out, peer->local_port);
	wr_be16(out, peer->port);
	wr_be32(out, peer->stack_iss + seq);
	wr_zero(out, 12);
	return wr_len(out) - before;
}

void peer_icmp(struct peer *peer, net_time at, enum peer_icmp what, uint32_t seq, uint32_t mtu)
{
	bool v4 = peer->cfg.family == AF_INET;
	static const uint8_t type4[] = {3, 3, 3}, code4[] = {1, 3, 4};
	static const uint8_t type6[] = {1, 1, 2}, code6[] = {3, 4, 0};
	uint8_t frame[200], body[120];
	struct net_addr src = addr_of(peer, 1), dst = addr_of(peer, 0);
	struct wr out;
	size_t len, ip_len;
	uint64_t sum;

	peer_run(peer, at);
	wr_init(&out, body, sizeof(body));
	wr_u8(&out, v4 ? type4[what] : type6[what]);
	wr_u8(&out, v4 ? code4[what] : code6[what]);
	wr_be16(&out, 0);
	wr_be32(&out, what == PEER_ICMP_TOO_BIG ? mtu : 0);
	put_quote(peer, &out, seq);
	len = wr_len(&out);
	sum = v4 ? 0 : csum_pseudo(&src, &dst, IPPROTO_ICMPV6, (uint32_t)len);
	store_be16(body + 2, csum_fold(csum_add(sum, body, len)));
	wr_init(&out, frame, sizeof(frame));
	ip_len = put_ip(peer, &out, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 0, len);
	wr_bytes(&out, body, len);
	give(peer, frame, ip_len + len, NULL);
}

static void describe(const struct peer *peer, char *to, size_t size, net_time at,
		     const struct peer_seg *seg)
{
	(void)peer;
	snprintf(to, size,
		 "%lld.%06lld ms flags %s%s%s%s%s seq %u len %u ack %u wnd %u sack %u [%u,%u)",
		 (long long)(at / 1000000), (long long)(at % 1000000),
		 seg->flags & TCP_FLAG_SYN ? "S" : "", seg->flags & TCP_FLAG_FIN ? "F" : "",
		 seg->flags & TCP_FLAG_RST ? "R" : "", seg->flags & TCP_FLAG_URG ? "U" : "",
		 seg->flags & TCP_FLAG_ACK ? "." : "", seg->seq, seg->len, seg->ack, seg->wnd,
		 seg->nsack, seg->sack[0][0], seg->sack[0][1]);
}

/* As the test would write it. */
static struct peer_seg relative(const struct peer *peer, const struct peer_out *out)
{
	struct peer_seg seg = {
		.flags = out->hdr.flags,
		.seq = out->hdr.seq - peer->stack_iss,
		.ack = out->hdr.flags & TCP_FLAG_ACK ? out->hdr.ack - peer->iss : 0,
		.len = out->len,
		.wnd = out->hdr.wnd,
		.urg = out->hdr.urg,
		.mss = out->opts.has & TCP_HAS_MSS ? out->opts.mss : 0,
		.wscale = out->opts.has & TCP_HAS_WSCALE ? out->opts.wscale + 1 : 0,
		.sack_ok = out->opts.has & TCP_HAS_SACK_OK,
		.ts = out->opts.has & TCP_HAS_TS,
		.tsval = out->opts.ts_val,
		.tsecr = out->opts.ts_ecr,
		.gso = out->gso,
		.ecn = out->ecn,
		.push = out->hdr.flags & TCP_FLAG_PSH,
	};

	if (!peer->know_iss)
		seg.seq = out->hdr.seq;
	if (out->opts.has & TCP_HAS_SACK) {
		seg.nsack = out->opts.sack_count;
		for (unsigned int i = 0; i < seg.nsack; i++) {
			seg.sack[i][0] = out->opts.sack[i].start - peer->iss;
			seg.sack[i][1] = out->opts.sack[i].end - peer->iss;
		}
	}
	return seg;
}

static bool alike(const struct peer_seg *want, const struct peer_seg *got)
{
	if ((want->flags & ~TCP_FLAG_PSH) != (got->flags & ~TCP_FLAG_PSH))
		return false;
	if (!want->any_seq && want->seq != got->seq)
		return false;
	if (want->len != got->len || want->ack != got->ack)
		return false;
	if ((want->wnd && want->wnd != got->wnd) || (want->wnd_zero && got->wnd))
		return false;
	if ((want->mss && want->mss != got->mss) || (want->wscale && want->wscale != got->wscale))
		return false;
	if ((want->urg && want->urg != got->urg) || (want->sack_ok && !got->sack_ok))
		return false;
	if ((want->push && !got->push) || (want->no_sack && got->nsack))
		return false;
	if (want->ecn && want->ecn != got->ecn)
		return false;
	if (want->ts && (!got->ts || (want->tsecr && want->tsecr != got->tsecr)))
		return false;
	if (!want->nsack)
		return true;
	return want->nsack == got->nsack &&
	       !memcmp(want->sack, got->sack, want->nsack * sizeof(want->sack[0]));
}

static bool fastopen_alike(const struct peer_seg *want, const struct tcp_opts *got)
{
	uint8_t cookie[16];
	uint8_t len;

	if (want->no_fo)
		return !(got->has & TCP_HAS_FASTOPEN);
	if (!want->fo)
		return true;
	len = hex_bytes(want->fo_cookie, cookie);
	return got->has & TCP_HAS_FASTOPEN && want->fo_exp == got->fastopen_exp &&
	       len == got->fastopen_len && !memcmp(cookie, got->fastopen, len);
}

bool peer_expect(struct peer *peer, net_time at, const struct peer_seg *want)
{
	char text[2][300];
	struct peer_out *out;
	struct peer_seg got;

	peer_run(peer, at);
	describe(peer, text[0], sizeof(text[0]), at, want);
	if (peer->out_at == peer->nout) {
		snprintf(peer->why, sizeof(peer->why), "expected %s\n   but nothing was sent",
			 text[0]);
		return false;
	}
	out = &peer->out[peer->out_at];
	got = relative(peer, out);
	if (out->at - peer->start == at && alike(want, &got) && fastopen_alike(want, &out->opts)) {
		peer->out_at++;
		return true;
	}
	describe(peer, text[1], sizeof(text[1]), out->at - peer->start, &got);
	snprintf(peer->why, sizeof(peer->why), "expected %s\n     but got %s", text[0], text[1]);
	return false;
}

bool peer_nothing(struct peer *peer)
{
	struct peer_seg got;
	char text[300];

	collect(peer);
	if (peer->out_at == peer->nout)
		return true;
	got = relative(peer, &peer->out[peer->out_at]);
	describe(peer, text, sizeof(text), peer->out[peer->out_at].at - peer->start, &got);
	snprintf(peer->why, sizeof(peer->why), "expected nothing but got %s", text);
	return false;
}

size_t peer_pending(struct peer *peer)
{
	collect(peer);
	return peer->nout - peer->out_at;
}

void peer_skip(struct peer *peer)
{
	collect(peer);
	peer->out_at = peer->nout;
}

bool peer_peek(struct peer *peer, size_t n, net_time *ret_at, struct peer_seg *ret)
{
	if (peer->out_at + n >= peer->nout)
		return false;
	*ret_at = peer->out[peer->out_at + n].at - peer->start;
	*ret = relative(peer, &peer->out[peer->out_at + n]);
	return true;
}

int peer_listen(struct peer *peer)
{
	struct sockaddr_storage addr;
	socklen_t len = sockaddr_of(peer, 0, STACK_PORT, &addr);
	int r;

	r = net_sock_open(peer->stack, &peer->listener, peer->cfg.family, SOCK_STREAM, 0);
	if (r < 0)
		return r;
	r = net_sock_bind(peer->stack, peer->listener, (struct sockaddr *)&addr, len);
	if (r < 0)
		return r;
	return net_sock_listen(peer->stack, peer->listener, peer->cfg.backlog);
}

int peer_accept(struct peer *peer)
{
	collect(peer);
	return net_sock_accept(peer->stack, peer->listener, &peer->sock, NULL, NULL);
}

int peer_connect(struct peer *peer)
{
	struct sockaddr_storage addr;
	socklen_t len = sockaddr_of(peer, 1, peer->port, &addr);
	int r;

	if (!peer->sock) {
		r = net_sock_open(peer->stack, &peer->sock, peer->cfg.family, SOCK_STREAM, 0);
		if (r < 0)
			return r;
	}
	net_stack_clock(peer->stack, peer->now);
	r = net_sock_connect(peer->stack, peer->sock, (struct sockaddr *)&addr, len);
	collect(peer);
	return r;
}

bool peer_establish(struct peer *peer)
{
	net_time at = peer->now - peer->start;

	if (!peer->listener && peer_listen(peer) < 0) {
		snprintf(peer->why, sizeof(peer->why), "listen failed");
		return false;
	}
	peer_rx(peer, at,
		SEG(SYN, .mss = peer->cfg.mss, .sack_ok = peer->cfg.sack,
		    .wscale = peer->cfg.wscale));
	if (!peer_expect(peer, at, SEG(SYN_ACK, .seq = 0, .ack = 1)))
		return false;
	peer_rx(peer, at, SEG(ACK, .seq = 1, .ack = 1));
	if (peer_accept(peer) < 0) {
		snprintf(peer->why, sizeof(peer->why), "accept failed");
		return false;
	}
	return peer_nothing(peer);
}

bool peer_establish_active(struct peer *peer)
{
	net_time at = peer->now - peer->start;
	int r = peer_connect(peer);

	if (r != -EINPROGRESS) {
		snprintf(peer->why, sizeof(peer->why), "connect: %d", r);
		return false;
	}
	if (!peer_expect(peer, at, SEG(SYN, .seq = 0)))
		return false;
	peer_rx(peer, at,
		SEG(SYN_ACK, .seq = 0, .ack = 1, .mss = peer->cfg.mss, .sack_ok = peer->cfg.sack,
		    .wscale = peer->cfg.wscale));
	return peer_expect(peer, at, SEG(ACK, .seq = 1, .ack = 1)) && peer_nothing(peer);
}

ssize_t peer_write(struct peer *peer, size_t len, int flags)
{
	uint8_t *data = calloc(1, len ? len : 1);
	struct iovec iov = {data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r;

	net_stack_clock(peer->stack, peer->now);
	r = net_sock_send(peer->stack, peer->sock, &msg, flags);
	collect(peer);
	free(data);
	return r;
}

ssize_t peer_sendto(struct peer *peer, size_t len, int flags)
{
	struct sockaddr_storage addr;
	uint8_t *data = calloc(1, len ? len : 1);
	struct iovec iov = {data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1, .name = (struct sockaddr *)&addr};
	ssize_t r = 0;

	msg.name_len = sockaddr_of(peer, 1, peer->port, &addr);
	if (!peer->sock)
		r = net_sock_open(peer->stack, &peer->sock, peer->cfg.family, SOCK_STREAM, 0);
	net_stack_clock(peer->stack, peer->now);
	if (r == 0)
		r = net_sock_send(peer->stack, peer->sock, &msg, flags);
	collect(peer);
	free(data);
	return r;
}

void peer_forget(struct peer *peer)
{
	struct linger hard = {.l_onoff = 1};

	if (peer->sock) {
		net_sock_setopt(peer->stack, peer->sock, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard),
				0);
		net_sock_close(peer->stack, peer->sock);
	}
	collect(peer);
	peer_skip(peer);
	peer->sock = 0;
	peer->know_iss = false;
	peer->local_port = 0;
}

ssize_t peer_read(struct peer *peer, size_t len, int flags)
{
	uint8_t *data = calloc(1, len ? len : 1);
	struct iovec iov = {data, len};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r;

	net_stack_clock(peer->stack, peer->now);
	r = net_sock_recv(peer->stack, peer->sock, &msg, flags);
	collect(peer);
	free(data);
	return r;
}

int peer_close(struct peer *peer)
{
	int r;

	net_stack_clock(peer->stack, peer->now);
	r = net_sock_close(peer->stack, peer->sock);
	collect(peer);
	return r;
}

int peer_setopt(struct peer *peer, int level, int name, int value)
{
	int r = net_sock_setopt(peer->stack, peer->sock, level, name, &value, sizeof(value), 0);

	collect(peer);
	return r;
}

int peer_getopt(struct peer *peer, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);
	int r = net_sock_getopt(peer->stack, peer->sock, level, name, &value, &len);

	return r < 0 ? r : value;
}

int peer_state(struct peer *peer)
{
	uint8_t info[8];
	socklen_t len = sizeof(info);
	int r = net_sock_getopt(peer->stack, peer->sock, IPPROTO_TCP, TCP_INFO, info, &len);

	return r < 0 ? r : info[0];
}

uint32_t peer_poll(struct peer *peer)
{
	return net_sock_poll(peer->stack, peer->sock);
}

int peer_error(struct peer *peer)
{
	return peer_getopt(peer, SOL_SOCKET, SO_ERROR);
}
