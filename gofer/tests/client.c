/* SPDX-License-Identifier: Apache-2.0 */
/* A small 9P client for the server's tests; see client.h. */
#include "client.h"

#include <ftw.h>
#include <sys/socket.h>

static void *serve_thread(void *arg)
{
	struct rig *rig = arg;

	rig->serve_result = gofer_serve(&rig->cfg);
	return NULL;
}

const char *rig_path(struct rig *rig, const char *name)
{
	static char bufs[4][512];
	static unsigned turn;
	char *buf = bufs[turn++ % 4];

	snprintf(buf, sizeof(bufs[0]), "%s/%s", rig->dir, name);
	return buf;
}

void rig_file(struct rig *rig, const char *name, const char *text)
{
	int fd = open(rig_path(rig, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void session(struct rig *rig, const struct rig_options *opt)
{
	cr_assert_eq(RPC(rig, TVERSION, tversion, .msize = opt->msize ? opt->msize : P9_MSIZE_MAX,
			 .version = p9_str(opt->version)),
		     0);
	cr_assert_eq(RPC(rig, TATTACH, tattach, .fid = 0, .afid = P9_NOFID, .uname = p9_str("root"),
			 .aname = p9_str("/"), .n_uname = opt->uid),
		     0);
}

struct rig *rig_new(struct rig_options opt)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!opt.version)
		opt.version = P9_VERSION_NETSENTRY;
	if (!opt.n_mounts)
		opt.n_mounts = 1;
	strcpy(rig->dir, "/tmp/gofer-test-XXXXXX");
	cr_assert_not_null(mkdtemp(rig->dir));
	cr_assert_eq(mkdir(rig_path(rig, "root"), 0755), 0);
	cr_assert_eq(pipe2(rig->shutdown_pipe, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(rig->log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
	rig_file(rig, "single", "single");
	for (size_t i = 0; i < opt.n_mounts; i++) {
		int sv[2];

		cr_assert_eq(
			socketpair(AF_UNIX,
				   (opt.sock_type ? opt.sock_type : SOCK_STREAM) | SOCK_CLOEXEC, 0,
				   sv),
			0);
		rig->socks[i] = sv[0];
		rig->mounts[i].sock_fd = sv[1];
		rig->mounts[i].readonly = opt.readonly;
		rig->mounts[i].root_fd =
			open(rig_path(rig, opt.root ? opt.root : "root"), O_PATH | O_CLOEXEC);
		cr_assert_geq(rig->mounts[i].root_fd, 0);
	}
	rig->cfg = (struct gofer_config){.mounts = rig->mounts,
					 .n_mounts = opt.n_mounts,
					 .shutdown_fd = rig->shutdown_pipe[0],
					 .log_fd = rig->log_pipe[1],
					 .proc_fd = -1,
					 .limits = opt.limits};
	(void)umask(0);
	cr_assert_eq(pthread_create(&rig->thread, NULL, serve_thread, rig), 0);
	for (size_t i = opt.n_mounts; i-- > 0;) {
		rig->sock = rig->socks[i];
		if (*opt.version)
			session(rig, &opt);
	}
	return rig;
}

void rig_use(struct rig *rig, size_t mount)
{
	rig->sock = rig->socks[mount];
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void rig_free(struct rig *rig)
{
	for (size_t i = 0; i < rig->cfg.n_mounts; i++)
		close(rig->socks[i]);
	pthread_join(rig->thread, NULL);
	cr_assert_eq(rig->serve_result, 0);
	for (size_t i = 0; i < rig->cfg.n_mounts; i++) {
		close(rig->mounts[i].sock_fd);
		close(rig->mounts[i].root_fd);
	}
	nftw(rig->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(rig);
}

char *rig_log(struct rig *rig)
{
	static char buf[4096];
	ssize_t n = read(rig->log_pipe[0], buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

void rig_send(struct rig *rig, const void *bytes, size_t len)
{
	cr_assert_eq(send(rig->sock, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

int rig_recv(struct rig *rig)
{
	struct rd in;
	int len = p9_recv(rig->sock, rig->in, sizeof(rig->in), &rig->got_fd);

	if (len <= 0)
		return -1;
	rd_init(&in, rig->in, (size_t)len);
	cr_assert_eq(p9_decode(&rig->reply, &in), 0, "a malformed reply");
	return rig->reply.type == P9_RLERROR ? (int)rig->reply.rlerror.ecode : 0;
}

int rpc(struct rig *rig, struct p9_msg req)
{
	struct wr out;
	int len;
	int r;

	wr_init(&out, rig->out, sizeof(rig->out));
	len = p9_encode(&out, &req);
	cr_assert_gt(len, 0);
	if (p9_send(rig->sock, rig->out, (size_t)len, -1) < 0)
		return -1;
	r = rig_recv(rig);
	if (r < 0)
		return r;
	cr_assert_eq(rig->reply.tag, req.tag);
	if (!r)
		cr_assert_eq(rig->reply.type, req.type + 1);
	return r;
}

struct p9_names names(const char *a, const char *b, const char *c)
{
	struct p9_names ret = {0};

	if (a)
		ret.v[ret.n++] = p9_str(a);
	if (b)
		ret.v[ret.n++] = p9_str(b);
	if (c)
		ret.v[ret.n++] = p9_str(c);
	return ret;
}

int walk(struct rig *rig, uint32_t fid, uint32_t newfid, const char *a, const char *b,
	 const char *c)
{
	return RPC(rig, TWALK, twalk, .fid = fid, .newfid = newfid, .names = names(a, b, c));
}

struct p9_data data_of(const char *text)
{
	return (struct p9_data){text, (uint32_t)strlen(text)};
}
