/* SPDX-License-Identifier: Apache-2.0 */
/* inotify: events of directories and files, cookies, one-shot, removal, poll. */
#include "file_util.h"

#include <sys/inotify.h>

static void show_events(int fd)
{
	char buf[4096] __attribute__((aligned(8)));
	uint32_t cookie = 0;
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0) {
		printf("read: %s\n", strerrorname_np(errno));
		return;
	}
	for (char *p = buf; p < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		printf("wd %d mask %x name %s%s\n", e->wd, e->mask, e->len ? e->name : "-",
		       e->cookie ? (e->cookie == cookie ? " same cookie" : " cookie") : "");
		cookie = e->cookie;
		p += sizeof(*e) + e->len;
	}
	printf("--\n");
	fflush(stdout);
}

int main(void)
{
	enter_work_dir();
	mkdir("d", 0755);
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(fd >= 0);
	SHOW(fcntl(fd, F_GETFD));
	SHOW(inotify_add_watch(fd, "d", IN_ALL_EVENTS));
	SHOW(inotify_add_watch(fd, "none", IN_CREATE));
	SHOW(inotify_add_watch(fd, "d", 0));
	show_events(fd);
	int f = open("d/f", O_CREAT | O_RDWR, 0600);
	write(f, "x", 1);
	write(f, "y", 1);
	pread(f, &(char){ 0 }, 1, 0);
	fchmod(f, 0644);
	close(f);
	struct pollfd pf = { fd, POLLIN, 0 };
	SHOW(poll(&pf, 1, 0));
	show_events(fd);
	SHOW(poll(&pf, 1, 0));
	mkdir("d/sub", 0755);
	rename("d/f", "d/g");
	rename("d/g", "out");
	rename("out", "d/h");
	link("d/h", "d/l");
	unlink("d/l");
	rmdir("d/sub");
	show_events(fd);
	SHOW(inotify_add_watch(fd, "d/h", IN_MODIFY | IN_DELETE_SELF | IN_ONESHOT));
	f = open("d/h", O_WRONLY);
	write(f, "z", 1);
	write(f, "z", 1);
	close(f);
	show_events(fd);
	SHOW(inotify_rm_watch(fd, 1));
	SHOW(inotify_rm_watch(fd, 1));
	SHOW(inotify_rm_watch(fd, 77));
	show_events(fd);
	SHOW(inotify_rm_watch(0, 1));
	char small[8];
	SHOW(inotify_add_watch(fd, "d", IN_CREATE | IN_ONLYDIR));
	SHOW(inotify_add_watch(fd, "d/h", IN_CREATE | IN_ONLYDIR));
	make_file("d/i", "x");
	SHOW(read(fd, small, sizeof(small)));
	show_events(fd);
	close(fd);
	return 0;
}
