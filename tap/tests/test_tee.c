/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap/tee.h"
#include "util/bytes.h"

static const struct tee_link links[2] = {{"eth0", 1500, {2, 0, 0, 0, 0, 1}}, {"eth1", 9000, {2}}};

struct capture {
	int rd;
	struct tee *tee;
	uint8_t *data;
	size_t len;
};

static void capture_open(struct capture *c, const struct bpf_insn *filter, size_t n, size_t buffer)
{
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(p, O_NONBLOCK), 0);
	c->rd = p[0];
	cr_assert_eq(tee_new(&c->tee, &(struct tee_config){.fd = p[1],
							   .only_link = UINT32_MAX,
							   .links = links,
							   .n_links = 2,
							   .filter = filter,
							   .n_filter = n,
							   .buffer = buffer}),
		     0);
}

static void capture_frame(struct capture *c, const char *bytes, const char *comment)
{
	struct tap_meta meta = {.flags = TAP_META_NEEDS_CSUM};
	struct iovec iov[2] = {{(void *)bytes, 1}, {(void *)(bytes + 1), strlen(bytes) - 1}};

	tee_frame(c->tee,
		  &(struct tee_info){.time_ns = 0x100000002ull,
				     .direction = TEE_OUT,
				     .meta = &meta,
				     .comment = comment},
		  iov, 2);
}

static void capture_close(struct capture *c)
{
	ssize_t n;

	tee_free(c->tee);
	c->data = malloc(1 << 20);
	c->len = 0;
	while ((n = read(c->rd, c->data + c->len, 65536)) > 0)
		c->len += (size_t)n;
	close(c->rd);
}

/* Walks the blocks; returns how many of @type, the last one's body in *@ret. Fails on bad framing.
 */
static int blocks(const struct capture *c, uint32_t type, const uint8_t **ret)
{
	size_t at = 0;
	int n = 0;

	while (at < c->len) {
		uint32_t len = load_le32(c->data + at + 4);

		cr_assert(len >= 12 && len % 4 == 0 && at + len <= c->len);
		cr_assert_eq(load_le32(c->data + at + len - 4), len);
		if (load_le32(c->data + at) == type) {
			n++;
			if (ret)
				*ret = c->data + at + 8;
		}
		at += len;
	}
	return n;
}

Test(tee, the_stream_is_section_interfaces_packets_statistics)
{
	struct capture c;
	const uint8_t *epb;

	capture_open(&c, NULL, 0, 0);
	capture_frame(&c, "frame", "drop: tcp-checksum");
	capture_close(&c);
	cr_assert_eq(blocks(&c, 0x0A0D0D0A, NULL), 1);
	cr_assert_eq(blocks(&c, 1, NULL), 2);
	cr_assert_eq(blocks(&c, 5, NULL), 2);
	cr_assert_eq(blocks(&c, 6, &epb), 1);
	cr_assert_eq(load_le32(epb + 4), 1u);  /* time, high */
	cr_assert_eq(load_le32(epb + 12), 5u); /* captured */
	cr_assert_eq(load_le32(epb + 16), 5u); /* on the wire */
	cr_assert_eq(memcmp(epb + 20, "frame", 5), 0);
	cr_assert_eq(load_le32(epb + 28), 0x40002u);	 /* option epb_flags, 4 bytes */
	cr_assert_eq(load_le32(epb + 32), 2u | 1u << 9); /* outbound, checksum not ready */
	cr_assert_eq(memcmp(epb + 40, "drop: tcp-checksum", 18), 0);
	free(c.data);
}

Test(tee, only_what_the_filter_takes_is_written)
{
	/* first byte is 'y' */
	const struct bpf_insn filter[] = {
		{0x30, 0, 0, 0}, {0x15, 0, 1, 'y'}, {0x06, 0, 0, 2}, {0x06, 0, 0, 0}};
	struct capture c;
	const uint8_t *epb;

	capture_open(&c, filter, 4, 0);
	capture_frame(&c, "no!!", NULL);
	capture_frame(&c, "yes!", NULL);
	capture_close(&c);
	cr_assert_eq(blocks(&c, 6, &epb), 1);
	cr_assert_eq(load_le32(epb + 12), 2u); /* the filter's own length limit */
	cr_assert_eq(load_le32(epb + 16), 4u);
	free(c.data);
}

Test(tee, a_filter_that_is_not_valid_is_refused)
{
	const struct bpf_insn bad = {0xffff, 0, 0, 0};
	struct tee *tee;

	cr_assert_eq(tee_new(&tee, &(struct tee_config){.fd = -1,
							.links = links,
							.n_links = 2,
							.filter = &bad,
							.n_filter = 1}),
		     -EINVAL);
}

Test(tee, a_reader_that_does_not_read_costs_frames_and_never_the_format)
{
	struct capture c;
	struct tee_counters counters;
	char big[2001];

	memset(big, 'x', 2000);
	big[2000] = 0;
	capture_open(&c, NULL, 0, 64 << 10);
	for (int i = 0; i < 500; i++)
		capture_frame(&c, big, NULL);
	tee_counters(c.tee, &counters);
	cr_assert_eq(counters.seen, 500u);
	cr_assert_gt(counters.dropped, 0u);
	cr_assert_eq(counters.captured + counters.dropped, 500u);
	/* What was queued is whole once the reader is back. */
	uint8_t *first = malloc(1 << 20);
	ssize_t n, got = 0;

	while (tee_flush(c.tee) == -EAGAIN) {
		n = read(c.rd, first + got, 65536);
		got += n > 0 ? n : 0;
	}
	capture_close(&c);
	memmove(c.data + got, c.data, c.len);
	memcpy(c.data, first, (size_t)got);
	c.len += (size_t)got;
	cr_assert_eq(blocks(&c, 6, NULL), (int)counters.captured);
	free(first);
	free(c.data);
}

Test(tee_hub, captures_come_and_go_while_frames_pass)
{
	static struct tee_hub hub = TEE_HUB_INIT;
	struct iovec iov = {(void *)"abcd", 4};
	struct tee_info info = {.time_ns = 1, .direction = TEE_IN};
	struct capture c;

	tee_hub_frame(&hub, &info, &iov, 1);
	capture_open(&c, NULL, 0, 0);
	cr_assert_eq(tee_hub_attach(&hub, c.tee), 0);
	tee_hub_frame(&hub, &info, &iov, 1);
	cr_assert_eq(tee_hub_detach(&hub, c.tee), c.tee);
	cr_assert_null(tee_hub_detach(&hub, c.tee));
	tee_hub_frame(&hub, &info, &iov, 1);
	cr_assert_not(tee_hub_active(&hub));
	capture_close(&c);
	cr_assert_eq(blocks(&c, 6, NULL), 1);
	free(c.data);
}

Test(tee_hub, a_reader_that_is_gone_is_detached)
{
	static struct tee_hub hub = TEE_HUB_INIT;
	struct capture c;

	capture_open(&c, NULL, 0, 0);
	cr_assert_eq(tee_hub_attach(&hub, c.tee), 0);
	close(c.rd);
	tee_hub_flush(&hub);
	cr_assert_not(tee_hub_active(&hub));
}
