/* SPDX-License-Identifier: Apache-2.0 */
/* mount, umount2, bind mounts, read-only and noexec mounts, chroot, pivot_root. Needs CAP_SYS_ADMIN; works in a
 * mount namespace of its own where there is one. */
#include "file_util.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

int main(void)
{
	struct statfs sf;
	char buf[256];

	enter_work_dir();
	/* The sandbox has one mount namespace; Linux needs a private one for this. */
	if (unshare(CLONE_NEWNS) == 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	mkdir("m", 0755);
	mkdir("b", 0755);
	make_file("plain", "plain");
	make_file("m/under", "under");
	SHOW(mount("tmp", "m", "tmpfs", 0, "size=1m,mode=700"));
	show_stat("m");
	show_file("m/under");
	make_file("m/over", "over");
	SHOW(statfs("m", &sf));
	printf("%lx %ld\n", (long)sf.f_type, (long)(sf.f_blocks * sf.f_bsize));
	int fd = open("m/big", O_CREAT | O_RDWR, 0600);
	char *mb = calloc(1, 2 << 20);
	CHECK(write(fd, mb, 2 << 20) < (2 << 20));
	CHECK(pwrite(fd, mb, 4096, 2 << 20) == -1 && errno == ENOSPC);
	close(fd);
	unlink("m/big");
	SHOW(rmdir("m"));
	SHOW(rename("m", "n"));
	SHOW(link("plain", "m/plain"));
	SHOW(rename("plain", "m/plain"));
	SHOW(mount("m", "b", NULL, MS_BIND, NULL));
	show_file("b/over");
	SHOW(mount(NULL, "b", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	SHOW(open("b/new", O_CREAT | O_WRONLY, 0600));
	SHOW(open("b/over", O_WRONLY));
	SHOW(mkdir("b/d", 0700));
	SHOW(unlink("b/over"));
	SHOW(chmod("b/over", 0600));
	SHOW(access("b/over", W_OK));
	SHOW(utimensat(AT_FDCWD, "b/over", NULL, 0));
	SHOW(make_file("m/new", "rw"));
	show_file("b/new");
	fd = open("b/new", O_RDONLY);
	SHOW(umount2("b", 0));
	close(fd);
	SHOW(umount2("b", 0));
	SHOW(umount2("b", 0));
	SHOW(mount("plain", "m", NULL, MS_BIND, NULL));
	SHOW(mount("plain", "m/new", NULL, MS_BIND, NULL));
	show_file("m/new");
	SHOW(umount2("m/new", 0));
	SHOW(mount("x", "m", "nosuchfs", 0, NULL));
	SHOW(mount("x", "m", "tmpfs", 0, "bogus=1"));
	SHOW(mount("x", "none", "tmpfs", 0, NULL));
	SHOW(mount("none", "m", NULL, MS_BIND, NULL));
	SHOW(umount2("plain", 0));
	fd = open("m", O_RDONLY | O_DIRECTORY);
	SHOW(umount2("m", 0));
	SHOW(umount2("m", MNT_DETACH));
	list_dir("m");
	SHOW(faccessat(fd, "over", F_OK, 0));
	close(fd);

	mkdir("root", 0755);
	SHOW(mount("r", "root", "tmpfs", 0, NULL));
	mkdir("root/sub", 0755);
	make_file("root/f", "inside");
	pid_t pid = fork();
	if (pid == 0) {
		SHOW(chroot("root"));
		SHOW(chdir("/"));
		CHECK(getcwd(buf, sizeof(buf)) && strcmp(buf, "/") == 0);
		show_file("/f");
		show_file("/../../f");
		list_dir("/");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	SHOW(umount2("root", 0));
	return 0;
}
