/* SPDX-License-Identifier: Apache-2.0 */
/* Captures of every kind, and what is said about bad ones. */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "pcapng.h"
#include "util/bytes.h"

/* A pcap file of one packet of four bytes. */
struct file {
	uint8_t bytes[24 + 16 + 4];
};

static struct file make(uint32_t magic, uint32_t link, uint32_t fraction)
{
	struct file f = {0};
	uint8_t *b = f.bytes;

	memcpy(b, &magic, 4);
	memcpy(b + 4, (uint16_t[]){2, 4}, 4);
	memcpy(b + 16, (uint32_t[]){65535, link}, 8);
	memcpy(b + 24, (uint32_t[]){5, fraction, 4, 4}, 16);
	memcpy(b + 40, "\x45\0\0\x04", 4);
	return f;
}

static int parse(const struct file *f, size_t len, struct capture *ret, struct problem *problem)
{
	return capture_parse(ret, f->bytes, len, "x.pcap", problem);
}

Test(capture, microseconds_and_nanoseconds_are_told_apart)
{
	struct file us = make(0xa1b2c3d4, 101, 7), ns = make(0xa1b23c4d, 101, 7);
	struct capture c;
	struct problem problem;

	cr_assert_eq(parse(&us, sizeof(us), &c, &problem), 0, "%s", problem.text);
	cr_assert_eq(c.frames[0].at, NET_SEC(5) + 7000);
	capture_fini(&c);
	cr_assert_eq(parse(&ns, sizeof(ns), &c, &problem), 0, "%s", problem.text);
	cr_assert_eq(c.frames[0].at, NET_SEC(5) + 7);
	capture_fini(&c);
}

Test(capture, a_link_type_that_cannot_be_replayed_is_named)
{
	struct file f = make(0xa1b2c3d4, 105, 0);
	struct capture c;
	struct problem problem;

	cr_assert_eq(parse(&f, sizeof(f), &c, &problem), -EPROTONOSUPPORT);
	cr_assert(strstr(problem.text, "x.pcap: link type 105 (IEEE802_11)"), "%s", problem.text);
}

Test(capture, a_file_that_ends_early_says_after_which_packet)
{
	struct file f = make(0xa1b2c3d4, 101, 0);
	struct capture c;
	struct problem problem;

	cr_assert_eq(parse(&f, sizeof(f) - 2, &c, &problem), -EINVAL);
	cr_assert(strstr(problem.text, "x.pcap: after packet 0: "), "%s", problem.text);
}

Test(capture, what_is_no_capture_or_empty_or_missing_says_so)
{
	struct file f = make(0xa1b2c3d4, 101, 0);
	struct capture c;
	struct problem problem;

	cr_assert_eq(capture_parse(&c, "hello, world, this is no capture", 32, "y", &problem),
		     -EINVAL);
	cr_assert(strstr(problem.text, "y: not a capture: "), "%s", problem.text);
	cr_assert_eq(parse(&f, 24, &c, &problem), -EINVAL);
	cr_assert_str_eq(problem.text, "x.pcap: holds no packet");
	cr_assert_eq(capture_read(&c, "/nonexistent", &problem), -ENOENT);
	cr_assert_str_eq(problem.text, "/nonexistent: No such file or directory");
}

Test(pcapng, what_is_written_is_read_with_its_directions)
{
	struct capture a = {.kind = FRAME_ETHER}, b;
	struct problem problem;
	char path[] = "/tmp/nsreplay-test-XXXXXX";
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(capture_add(&a, 5, (const uint8_t *)"first", 5, 9), 0);
	cr_assert_eq(capture_add(&a, NET_SEC(70), (const uint8_t *)"second!", 7, 7), 0);
	a.frames[0].note = "TCP_RESET";
	a.frames[1].sent = true;
	cr_assert_eq(pcapng_write(&a, path, &problem), 0);
	cr_assert_eq(pcapng_read(&b, path, &problem), 0, "%s", problem.text);
	cr_assert_eq(b.kind, FRAME_ETHER);
	cr_assert_eq(b.n, 2);
	cr_assert_not(b.frames[0].sent);
	cr_assert(b.frames[1].sent);
	cr_assert_eq(b.frames[0].len, 9);
	cr_assert_eq(b.frames[1].at, NET_SEC(70));
	cr_assert_arr_eq(b.frames[1].bytes, "second!", 7);
	capture_fini(&b);
	/* libpcap reads it too. */
	cr_assert_eq(capture_read(&b, path, &problem), 0, "%s", problem.text);
	cr_assert_eq(b.n, 2);
	unlink(path);
	capture_fini(&a);
	capture_fini(&b);
}
