/* SPDX-License-Identifier: Apache-2.0 */
/* version, attach, auth, flush, walk, clunk, and how serving ends. */
#include "client.h"

#include <sys/socket.h>

static struct rig_options plain(void)
{
	return (struct rig_options){.version = P9_VERSION_L};
}

Test(session, a_plain_client_gets_plain_9p)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = 65536, .version = p9_str("9P2000.L")),
		     0);
	cr_assert_eq(rig->reply.rversion.msize, 65536);
	cr_assert(p9_str_eq(rig->reply.rversion.version, "9P2000.L"));
	rig_free(rig);
}

Test(session, an_unknown_suffix_falls_back_to_plain_9p)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(
		RPC(rig, TVERSION, tversion, .msize = 65536, .version = p9_str("9P2000.L.Other.3")),
		0);
	cr_assert(p9_str_eq(rig->reply.rversion.version, "9P2000.L"));
	rig_free(rig);
}

Test(session, a_foreign_protocol_is_unknown_and_nothing_else_is_answered)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = 65536, .version = p9_str("9P2000.u")),
		     0);
	cr_assert(p9_str_eq(rig->reply.rversion.version, "unknown"));
	cr_assert_eq(RPC(rig, TATTACH, tattach, .fid = 5, .afid = P9_NOFID), EPROTO);
	rig_free(rig);
}

Test(session, nothing_is_answered_before_the_version)
{
	struct rig *rig = rig_new((struct rig_options){.version = ""});

	cr_assert_eq(RPC(rig, TATTACH, tattach, .fid = 0, .afid = P9_NOFID), EPROTO);
	rig_free(rig);
}

Test(session, a_tiny_message_size_is_refused)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = 4095, .version = p9_str("9P2000.L")),
		     EINVAL);
	rig_free(rig);
}

Test(session, a_new_version_forgets_all_fids)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = 8192, .version = p9_str("9P2000.L")), 0);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 0), EBADF);
	rig_free(rig);
}

Test(session, authentication_is_not_required)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TAUTH, tauth, .afid = 9, .n_uname = 0), ENOENT);
	rig_free(rig);
}

Test(session, a_fid_cannot_be_attached_twice)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(RPC(rig, TATTACH, tattach, .fid = 0, .afid = P9_NOFID), EBADF);
	cr_assert_eq(RPC(rig, TATTACH, tattach, .fid = P9_NOFID, .afid = P9_NOFID), EBADF);
	rig_free(rig);
}

Test(session, flush_is_answered_after_what_it_flushes)
{
	struct rig *rig = rig_new(plain());
	struct p9_msg one = {.type = P9_TSTATFS, .tag = 7};
	struct p9_msg two = {.type = P9_TFLUSH, .tag = 8, .tflush.oldtag = 7};
	struct wr out;

	wr_init(&out, rig->out, sizeof(rig->out));
	cr_assert_gt(p9_encode(&out, &one), 0);
	cr_assert_gt(p9_encode(&out, &two), 0);
	rig_send(rig, rig->out, wr_len(&out));
	cr_assert_eq(rig_recv(rig), 0);
	cr_assert_eq(rig->reply.tag, 7);
	cr_assert_eq(rig_recv(rig), 0);
	cr_assert_eq(rig->reply.type, P9_RFLUSH);
	cr_assert_eq(rig->reply.tag, 8);
	rig_free(rig);
}

Test(session, many_pipelined_requests_are_answered_in_order)
{
	struct rig *rig = rig_new(plain());
	struct wr out;

	wr_init(&out, rig->out, sizeof(rig->out));
	for (uint16_t tag = 0; tag < 500; tag++) {
		struct p9_msg msg = {.type = P9_TSTATFS, .tag = tag};

		cr_assert_gt(p9_encode(&out, &msg), 0);
	}
	rig_send(rig, rig->out, wr_len(&out));
	for (uint16_t tag = 0; tag < 500; tag++) {
		cr_assert_eq(rig_recv(rig), 0);
		cr_assert_eq(rig->reply.tag, tag);
	}
	rig_free(rig);
}

Test(session, a_frame_that_arrives_byte_by_byte_is_one_request)
{
	struct rig *rig = rig_new(plain());
	struct p9_msg msg = {.type = P9_TSTATFS, .tag = 7};
	struct wr out;

	wr_init(&out, rig->out, sizeof(rig->out));
	cr_assert_gt(p9_encode(&out, &msg), 0);
	for (size_t i = 0; i < wr_len(&out); i++)
		rig_send(rig, rig->out + i, 1);
	cr_assert_eq(rig_recv(rig), 0);
	cr_assert_eq(rig->reply.tag, 7);
	rig_free(rig);
}

Test(session, a_client_that_does_not_read_does_not_stop_another)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .n_mounts = 2});
	struct p9_msg msg = {.type = P9_TREAD, .tag = 7, .tread = {.fid = 1, .count = 1 << 20}};
	struct wr out;
	ssize_t n;

	rig_file(rig, "root/f", "");
	cr_assert_eq(truncate(rig_path(rig, "root/f"), 1 << 20), 0);
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	wr_init(&out, rig->out, sizeof(rig->out));
	cr_assert_gt(p9_encode(&out, &msg), 0);
	for (int i = 0; i < 2000; i++) {
		n = send(rig->sock, rig->out, wr_len(&out), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			break;
	}
	rig_use(rig, 1);
	cr_assert_eq(RPC(rig, TSTATFS, tstatfs, .fid = 0), 0);
	/* and the first one still gets its replies */
	rig_use(rig, 0);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(rig_recv(rig), 0);
	rig_free(rig);
}

Test(session, serving_ends_when_the_shutdown_fd_is_readable)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(write(rig->shutdown_pipe[1], "x", 1), 1);
	cr_assert_eq(rig_recv(rig), -1);
	rig_free(rig);
}

Test(session, seqpacket_connections_work_too)
{
	struct rig *rig = rig_new((struct rig_options){.sock_type = SOCK_SEQPACKET});

	rig_file(rig, "root/f", "text");
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert(rig->reply.rlopen.iounit & P9_IOUNIT_FD);
	cr_assert_geq(rig->got_fd, 0);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 100), 0);
	cr_assert_eq(rig->reply.rread.data.len, 4);
	rig_free(rig);
}

Test(walk, a_walk_gives_a_qid_for_each_name)
{
	struct rig *rig = rig_new(plain());

	mkdir(rig_path(rig, "root/a"), 0755);
	rig_file(rig, "root/a/f", "");
	cr_assert_eq(walk(rig, 0, 1, "a", "f", NULL), 0);
	cr_assert_eq(rig->reply.rwalk.qids.n, 2);
	cr_assert_eq(rig->reply.rwalk.qids.v[0].type, P9_QTDIR);
	cr_assert_eq(rig->reply.rwalk.qids.v[1].type, P9_QTFILE);
	cr_assert_eq(RPC(rig, TGETATTR, tgetattr, .fid = 1, .mask = P9_GETATTR_ALL), 0);
	rig_free(rig);
}

Test(walk, a_walk_of_no_names_clones_the_fid)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(rig->reply.rwalk.qids.n, 0);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 0), 0);
	cr_assert_eq(RPC(rig, TSTATFS, tstatfs, .fid = 1), 0);
	rig_free(rig);
}

Test(walk, a_missing_first_name_is_an_error)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(walk(rig, 0, 1, "none", NULL, NULL), ENOENT);
	rig_free(rig);
}

Test(walk, a_missing_later_name_is_a_short_walk_without_a_new_fid)
{
	struct rig *rig = rig_new(plain());

	mkdir(rig_path(rig, "root/a"), 0755);
	cr_assert_eq(walk(rig, 0, 1, "a", "none", "x"), 0);
	cr_assert_eq(rig->reply.rwalk.qids.n, 1);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), EBADF);
	rig_free(rig);
}

Test(walk, walking_through_a_file_is_enotdir)
{
	struct rig *rig = rig_new(plain());

	rig_file(rig, "root/f", "");
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(walk(rig, 1, 2, "x", NULL, NULL), ENOTDIR);
	rig_free(rig);
}

Test(walk, the_fid_itself_can_be_moved)
{
	struct rig *rig = rig_new(plain());

	mkdir(rig_path(rig, "root/a"), 0755);
	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(walk(rig, 1, 1, "a", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TMKDIR, tmkdir, .dfid = 1, .name = p9_str("b"), .mode = 0700), 0);
	cr_assert_eq(access(rig_path(rig, "root/a/b"), F_OK), 0);
	rig_free(rig);
}

Test(walk, dotdot_goes_up_and_stays_at_the_root)
{
	struct rig *rig = rig_new(plain());
	uint64_t root;

	mkdir(rig_path(rig, "root/a"), 0755);
	cr_assert_eq(RPC(rig, TGETATTR, tgetattr, .fid = 0, .mask = P9_GETATTR_ALL), 0);
	root = rig->reply.rgetattr.qid.path;
	cr_assert_eq(walk(rig, 0, 1, "a", "..", ".."), 0);
	cr_assert_eq(rig->reply.rwalk.qids.n, 3);
	cr_assert_eq(rig->reply.rwalk.qids.v[1].path, root);
	cr_assert_eq(rig->reply.rwalk.qids.v[2].path, root);
	rig_free(rig);
}

Test(walk, a_name_in_use_is_refused)
{
	struct rig *rig = rig_new(plain());

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), EBADF);
	rig_free(rig);
}

Test(walk, names_have_their_limits)
{
	struct rig *rig = rig_new(plain());
	char name[300];

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	cr_assert_eq(walk(rig, 0, 1, name, NULL, NULL), ENAMETOOLONG);
	name[255] = '\0';
	cr_assert_eq(walk(rig, 0, 1, name, NULL, NULL), ENOENT);
	cr_assert_eq(walk(rig, 0, 1, "", NULL, NULL), ENOENT);
	rig_free(rig);
}

Test(mount_of, a_single_file_can_be_a_root)
{
	struct rig *rig = rig_new((struct rig_options){.root = "single"});

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDWR), 0);
	close(rig->got_fd);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 100), 0);
	cr_assert_eq(memcmp(rig->reply.rread.data.data, "single", 6), 0);
	cr_assert_eq(walk(rig, 0, 2, "x", NULL, NULL), ENOTDIR);
	rig_free(rig);
}

Test(mount_of, a_device_node_can_be_a_root_but_is_never_opened)
{
	struct rig *rig = rig_new((struct rig_options){.root = "../../dev/null"});

	cr_assert_eq(RPC(rig, TGETATTRX, tgetattrx, .fid = 0), 0);
	cr_assert(S_ISCHR(rig->reply.rgetattrx.attr.mode));
	cr_assert_eq(rig->reply.rgetattrx.attr.rdev, 1ULL << 32 | 3);
	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), EACCES);
	cr_assert_eq(RPC(rig, TOPENAT, topenat, .dfid = 0, .newfid = P9_NOFID, .flags = O_RDWR),
		     EACCES);
	rig_free(rig);
}

Test(limits, fids_are_limited)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .limits.fids = 3});

	cr_assert_eq(walk(rig, 0, 1, NULL, NULL, NULL), 0);
	cr_assert_eq(walk(rig, 0, 2, NULL, NULL, NULL), 0);
	cr_assert_eq(walk(rig, 0, 3, NULL, NULL, NULL), ENFILE);
	cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 2), 0);
	cr_assert_eq(walk(rig, 0, 3, NULL, NULL, NULL), 0);
	rig_free(rig);
}

Test(limits, host_fds_are_limited_and_come_back)
{
	struct rig *rig = rig_new((struct rig_options){.version = P9_VERSION_L, .limits.fds = 3});

	rig_file(rig, "root/f", "");
	for (int i = 0; i < 20; i++) {
		cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0); /* root, f */
		cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
		cr_assert_eq(walk(rig, 0, 2, "f", NULL, NULL), EMFILE);
		cr_assert_eq(RPC(rig, TCLUNK, tclunk, .fid = 1), 0);
	}
	rig_free(rig);
}

Test(limits, a_reply_never_exceeds_the_negotiated_size)
{
	struct rig *rig =
		rig_new((struct rig_options){.version = P9_VERSION_L, .msize = P9_MSIZE_MIN});

	rig_file(rig, "root/f", "");
	cr_assert_eq(truncate(rig_path(rig, "root/f"), 100000), 0);
	cr_assert_eq(walk(rig, 0, 1, "f", NULL, NULL), 0);
	cr_assert_eq(RPC(rig, TLOPEN, tlopen, .fid = 1, .flags = O_RDONLY), 0);
	cr_assert_eq(RPC(rig, TREAD, tread, .fid = 1, .count = 100000), 0);
	cr_assert_eq(rig->reply.rread.data.len, P9_MSIZE_MIN - P9_RREAD_HDR_LEN);
	rig_free(rig);
}
