/* SPDX-License-Identifier: Apache-2.0 */
#include "container/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int open_pair(int *ret_master, int *ret_slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	if (master < 0)
		return -errno;
	if (unlockpt(master) < 0)
		goto fail;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		goto fail;
	*ret_master = master;
	*ret_slave = slave;
	return 0;
fail:
	close(master);
	return -errno;
}

/* One message holding the descriptor and the name, as runc does. */
static int send_fd(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = {0};
	char name[] = "/dev/ptmx";
	struct iovec iov = {name, sizeof(name) - 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = ctl.buf,
			     .msg_controllen = sizeof(ctl.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int connect_path(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int via = -1;

	if (sock < 0)
		return -errno;
	if (strlen(path) < sizeof(sa.sun_path)) {
		strcpy(sa.sun_path, path);
	} else {
		via = open(path, O_PATH | O_CLOEXEC);
		snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d", via);
	}
	if (connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int r = -errno;

		close(sock);
		sock = r;
	}
	if (via >= 0)
		close(via);
	return sock;
}

int console_send(const char *path, uint16_t rows, uint16_t cols, struct cause *cause)
{
	int master = -1, slave = -1, r;
	int sock = connect_path(path);

	if (sock < 0)
		return cause_errno(cause, sock, "--console-socket: %s", path);
	r = open_pair(&master, &slave);
	if (r < 0) {
		close(sock);
		return cause_errno(cause, r, "new pseudoterminal");
	}
	if (rows || cols) {
		struct winsize ws = {.ws_row = rows, .ws_col = cols};

		(void)ioctl(slave, TIOCSWINSZ, &ws);
	}
	r = send_fd(sock, master);
	close(master);
	close(sock);
	if (r < 0) {
		close(slave);
		return cause_errno(cause, r, "--console-socket: %s", path);
	}
	return slave;
}

static struct {
	bool active;
	int fd;
	struct termios before;
} saved;

void console_save(int fd)
{
	if (tcgetattr(fd, &saved.before) < 0)
		return;
	saved.fd = fd;
	saved.active = true;
	atexit(console_restore);
}

void console_restore(void)
{
	if (saved.active)
		(void)tcsetattr(saved.fd, TCSANOW, &saved.before);
	saved.active = false;
}

bool console_size(int fd, uint16_t *rows, uint16_t *cols)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) < 0)
		return false;
	*rows = ws.ws_row;
	*cols = ws.ws_col;
	return true;
}
