/* SPDX-License-Identifier: Apache-2.0 */
/* flock, POSIX record locks, open file description locks: conflicts, splitting, release, waiting,
 * deadlock. */
#include "file_util.h"

static int set(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &fl);
}

static void get(int fd, short type, off_t start, off_t len)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	if (fcntl(fd, F_GETLK, &fl) < 0)
		printf("F_GETLK: %s\n", strerrorname_np(errno));
	else if (fl.l_type == F_UNLCK)
		printf("free\n");
	else
		printf("type %d start %ld len %ld\n", fl.l_type, (long)fl.l_start, (long)fl.l_len);
	fflush(stdout);
}

static void in_child(void (*fn)(int), int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		fn(fd);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void probe(int fd)
{
	get(fd, F_WRLCK, 0, 0);
	get(fd, F_RDLCK, 15, 1);
	get(fd, F_WRLCK, 12, 3);
	SHOW(set(fd, F_SETLK, F_WRLCK, 0, 5));
	SHOW(set(fd, F_SETLK, F_WRLCK, 10, 5));
	SHOW(set(fd, F_SETLK, F_RDLCK, 100, 1));
}

static void close_releases(int fd)
{
	int other = open("l", O_RDWR);

	SHOW(set(fd, F_SETLK, F_WRLCK, 200, 10));
	close(other); /* drops all locks of this process on the file */
}

static void posix(void)
{
	int fd = open("l", O_CREAT | O_RDWR, 0600);

	SHOW(set(fd, F_SETLK, F_WRLCK, 10, 20));
	SHOW(set(fd, F_SETLK, F_UNLCK, 12, 3)); /* a hole: 10-11 and 15-29 */
	SHOW(set(fd, F_SETLK, F_RDLCK, 20, 5));
	SHOW(set(fd, F_SETLK, F_RDLCK, 100, 0));
	in_child(probe, fd);
	in_child(close_releases, fd);
	get(fd, F_WRLCK, 200, 10);
	SHOW(set(fd, F_SETLK, F_WRLCK, -5, 2));
	SHOW(set(fd, F_SETLK, 17, 0, 2));
	SHOW(set(fd, F_SETLK, F_RDLCK, 50, -10));
	int ro = open("l", O_RDONLY);
	SHOW(set(ro, F_SETLK, F_WRLCK, 500, 1));
	SHOW(set(ro, F_SETLK, F_RDLCK, 500, 1));
	close(ro); /* and everything is gone */
	in_child(probe, fd);
	close(fd);
}

static void flocks(void)
{
	int a = open("l", O_RDWR);
	int b = open("l", O_RDWR);
	int c = dup(a);

	SHOW(flock(a, LOCK_SH));
	SHOW(flock(b, LOCK_SH | LOCK_NB));
	SHOW(flock(b, LOCK_EX | LOCK_NB));
	SHOW(flock(a, LOCK_UN));
	SHOW(flock(b, LOCK_EX | LOCK_NB));
	SHOW(flock(a, LOCK_SH | LOCK_NB));
	SHOW(flock(a, 77));
	close(b);
	SHOW(flock(a, LOCK_EX | LOCK_NB));
	close(a);
	b = open("l", O_RDWR);
	SHOW(flock(b, LOCK_EX | LOCK_NB)); /* c still holds it */
	close(c);
	SHOW(flock(b, LOCK_EX | LOCK_NB));
	SHOW(set(b, F_SETLK, F_WRLCK, 0, 0)); /* record locks are another kind */
	close(b);
	SHOW(flock(b, LOCK_SH));
}

static void ofd(void)
{
	int a = open("l", O_RDWR);
	int b = open("l", O_RDWR);

	SHOW(set(a, F_OFD_SETLK, F_WRLCK, 0, 10));
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 5, 10));
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 10, 10));
	SHOW(set(a, F_SETLK, F_WRLCK, 0, 1));
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	SHOW(fcntl(b, F_OFD_GETLK, &fl));
	printf("%d %ld %ld %d\n", fl.l_type, (long)fl.l_start, (long)fl.l_len, fl.l_pid);
	fl.l_pid = 5;
	SHOW(fcntl(b, F_OFD_SETLK, &fl));
	close(a);
	SHOW(set(b, F_OFD_SETLK, F_WRLCK, 0, 10));
	close(b);
}

static void waiting(void)
{
	int fd = open("l", O_RDWR);
	int p[2];
	char c;

	pipe(p);
	set(fd, F_SETLK, F_WRLCK, 0, 1);
	pid_t pid = fork();
	if (pid == 0) {
		set(fd, F_SETLK, F_WRLCK, 1, 1);
		write(p[1], "r", 1);
		SHOW(set(fd, F_SETLKW, F_WRLCK, 0, 1)); /* until the parent lets go */
		_exit(0);
	}
	read(p[0], &c, 1);
	sleep_ms(50);
	SHOW(set(fd, F_SETLKW, F_WRLCK, 1, 1)); /* the circle is seen */
	set(fd, F_SETLK, F_UNLCK, 0, 1); /* the child prints now */
	waitpid(pid, NULL, 0);
	pid = fork();
	if (pid == 0) {
		int mine = open("l", O_RDWR);

		flock(mine, LOCK_EX);
		write(p[1], "r", 1);
		sleep_ms(50);
		_exit(0);
	}
	read(p[0], &c, 1);
	int other = open("l", O_RDWR);
	SHOW(flock(other, LOCK_EX | LOCK_NB));
	SHOW(flock(other, LOCK_EX));
	waitpid(pid, NULL, 0);
}

int main(void)
{
	enter_work_dir();
	posix();
	flocks();
	ofd();
	waiting();
	return 0;
}
