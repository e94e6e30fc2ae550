/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo terminals: line editing, echo, special characters, raw mode, packet mode, hang-ups, and job control
 * as a shell uses it. */
#include "guest.h"

#include <ctype.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static int master, slave;

static void open_pair(void)
{
	char name[64];

	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0) {
		printf("no pty: %s\n", strerrorname_np(errno));
		exit(1);
	}
	grantpt(master);
	unlockpt(master);
	ptsname_r(master, name, sizeof(name));
	slave = open(name, O_RDWR | O_NOCTTY);
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
}

static void close_pair(void)
{
	close(slave);
	close(master);
}

static void show(const char *what, const char *buf, ssize_t n)
{
	printf("%s: ", what);
	if (n < 0) {
		printf("%s\n", strerrorname_np(errno));
		return;
	}
	printf("%zd \"", n);
	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)buf[i];

		if (isprint(c) && c != '\\')
			putchar(c);
		else
			printf("\\%03o", c);
	}
	printf("\"\n");
	fflush(stdout);
}

static void rd(const char *what, int fd)
{
	char buf[512];
	ssize_t n;

	sleep_ms(20); /* Linux hands input over in a worker */
	n = read(fd, buf, sizeof(buf));
	show(what, buf, n);
}

static void type(const char *text)
{
	ssize_t n = write(master, text, strlen(text));

	(void)n;
}

static void both(const char *text)
{
	printf("typed \"");
	for (const char *p = text; *p; p++)
		printf(isprint((unsigned char)*p) ? "%c" : "\\%03o", (unsigned char)*p);
	printf("\"\n");
	type(text);
	rd(" slave reads", slave);
	rd(" master reads", master);
}

static void editing(void)
{
	open_pair();
	both("hello\n");
	both("abc\177d\n");
	both("one two\027three\n");
	both("gone\025kept\n");
	both("a\tb\177\177\177x\n");
	both("quote\026\003end\n");
	both("ctl\001x\177\177\n");
	both("again\022more\n");
	both("part\004");
	both("\004");
	both("cr\r");
	both("nothing yet");
	both("\n");
	both("x\177\177\177\n");
	both("two\nlines\n");
	rd(" second line", slave);
	close_pair();
}

static void set(void (*change)(struct termios *t))
{
	struct termios t;

	tcgetattr(slave, &t);
	change(&t);
	SHOW(tcsetattr(slave, TCSANOW, &t));
}

static void no_echo(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ECHO;
}
static void echo_nl(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ECHO;
	t->c_lflag |= ECHONL;
}
static void no_echoe(struct termios *t)
{
	t->c_lflag |= ECHO;
	t->c_lflag &= ~(tcflag_t)(ECHOE | ECHOK | ECHOKE | ECHONL);
}
static void echoprt(struct termios *t)
{
	t->c_lflag |= ECHO | ECHOE | ECHOPRT;
}
static void input_map(struct termios *t)
{
	t->c_iflag &= ~(tcflag_t)ICRNL;
	t->c_iflag |= INLCR | ISTRIP;
}
static void eol(struct termios *t)
{
	t->c_cc[VEOL] = ';';
	t->c_cc[VEOL2] = '!';
}
static void utf8(struct termios *t)
{
	t->c_iflag |= IUTF8;
}
static void out_map(struct termios *t)
{
	t->c_oflag |= XTABS | OLCUC;
}
static void out_cr(struct termios *t)
{
	t->c_oflag |= OCRNL | ONOCR;
	t->c_oflag &= ~(tcflag_t)ONLCR;
}

static void modes(void)
{
	open_pair();
	set(no_echo);
	both("silent\n");
	set(echo_nl);
	both("newline only\n");
	set(no_echoe);
	both("abc\177x\n");
	both("abc\025x\n");
	set(echoprt);
	both("abc\177\177x\n");
	close_pair();

	open_pair();
	set(input_map);
	both("a\rb\n");
	both("\351\n");
	close_pair();

	open_pair();
	set(eol);
	both("one;two!three");
	rd(" next", slave);
	both("\n");
	close_pair();

	open_pair();
	set(utf8);
	both("a\303\251\177b\n");
	close_pair();

	open_pair();
	set(out_map);
	SHOW(write(slave, "a\tb\nc", 5));
	rd("master", master);
	close_pair();
	open_pair();
	set(out_cr);
	SHOW(write(slave, "\ra\rb\nc", 6));
	rd("master", master);
	close_pair();
}

static void raw3(struct termios *t)
{
	cfmakeraw(t);
	t->c_cc[VMIN] = 3;
	t->c_cc[VTIME] = 0;
}
static void raw_timer(struct termios *t)
{
	t->c_cc[VMIN] = 0;
	t->c_cc[VTIME] = 1;
}
static void raw_poll(struct termios *t)
{
	t->c_cc[VMIN] = 0;
	t->c_cc[VTIME] = 0;
}
static void raw_inter(struct termios *t)
{
	t->c_cc[VMIN] = 5;
	t->c_cc[VTIME] = 1;
}

static int pollable(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLPRI, 0 };

	sleep_ms(20);
	poll(&p, 1, 0);
	return p.revents;
}

static void raw(void)
{
	open_pair();
	set(raw3);
	type("ab");
	printf("poll: %#x\n", pollable(slave));
	type("\003");
	printf("poll: %#x\n", pollable(slave));
	rd("slave", slave);
	rd("master", master);
	fcntl(slave, F_SETFL, O_RDWR);
	set(raw_timer);
	rd("timer, nothing", slave);
	type("x");
	rd("timer, a byte", slave);
	set(raw_poll);
	rd("poll, nothing", slave);
	set(raw_inter);
	type("yz");
	rd("between bytes", slave);
	type("12345678");

	int n = 0;

	sleep_ms(20);
	SHOW(ioctl(slave, FIONREAD, &n));
	printf("%d\n", n);
	SHOW(tcflush(slave, TCIFLUSH));
	SHOW(ioctl(slave, FIONREAD, &n));
	printf("%d\n", n);
	close_pair();
}

static void flow(void)
{
	open_pair();
	type("\023");
	sleep_ms(20);
	SHOW(write(slave, "held", 4));
	printf("poll: %#x\n", pollable(slave));
	type("\021");
	sleep_ms(20);
	SHOW(write(slave, "free", 4));
	rd("master", master);
	SHOW(tcflow(slave, TCOOFF));
	SHOW(write(slave, "held", 4));
	SHOW(tcflow(slave, TCOON));
	SHOW(tcflow(slave, TCIOFF));
	SHOW(tcflow(slave, TCION));
	rd("master", master);
	close_pair();
}

static void packet(void)
{
	int on = 1;
	char buf[64];

	open_pair();
	SHOW(ioctl(master, TIOCPKT, &on));
	SHOW(write(slave, "data", 4));
	rd("packet", master);
	SHOW(tcflush(slave, TCIOFLUSH));
	printf("poll: %#x\n", pollable(master) & ~POLLOUT);
	rd("packet", master);
	type("\023");
	rd("stopped", master);
	type("\021");
	rd("started", master);
	close_pair();
}

static void limits(void)
{
	char big[8192];
	size_t total = 0;
	ssize_t n;
	struct winsize ws = { 0 };

	open_pair();
	SHOW(ioctl(master, TIOCGWINSZ, &ws));
	printf("%d %d\n", ws.ws_row, ws.ws_col);
	ws.ws_row = 50;
	ws.ws_col = 132;
	SHOW(ioctl(slave, TIOCSWINSZ, &ws));
	memset(&ws, 0, sizeof(ws));
	SHOW(ioctl(master, TIOCGWINSZ, &ws));
	printf("%d %d\n", ws.ws_row, ws.ws_col);
	memset(big, 'x', sizeof(big));
	while ((n = write(slave, big, 512)) > 0)
		total += (size_t)n;
	printf("full: %s, at least 4096: %d\n", strerrorname_np(errno), total >= 4096);
	CHECK(isatty(slave));
	CHECK(isatty(master));
	SHOW(ioctl(slave, TIOCGPTN, &n));
	SHOW(ioctl(slave, TIOCSETD, &(int){ 30 }));
	SHOW(ioctl(master, TIOCGPTLCK, &n));
	int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);

	CHECK(peer >= 0);
	CHECK(isatty(peer));
	close(peer);
	SHOW(ioctl(slave, TIOCEXCL));
	int excl = 0;

	SHOW(ioctl(slave, TIOCGEXCL, &excl));
	printf("%d\n", excl);
	SHOW(lseek(slave, 0, SEEK_SET));
	SHOW(tcdrain(slave));
	SHOW(tcsendbreak(slave, 0));
	SHOW(ioctl(slave, 0x12345678, 0));
	close_pair();
}

static void hangup(void)
{
	open_pair();
	close(slave);
	rd("master without a slave", master);
	printf("poll: %#x\n", pollable(master));
	close(master);

	open_pair();
	close(master);
	rd("slave without a master", slave);
	SHOW(write(slave, "x", 1));
	printf("poll: %#x\n", pollable(slave));
	struct termios t;

	SHOW(tcgetattr(slave, &t));
	close(slave);
}

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	printf("child got %s code %#x\n", sig_name(sig), si->si_code);
	fflush(stdout);
}

/* A session of its own with the slave as its terminal. */
static void session(void)
{
	char name[64];

	open_pair();
	ptsname_r(master, name, sizeof(name));
	fcntl(slave, F_SETFL, O_RDWR);
	fflush(stdout);

	pid_t pid = fork();

	if (pid == 0) {
		char buf[64];

		SHOW(open("/dev/tty", O_RDWR));
		setsid();
		SHOW(open("/dev/tty", O_RDWR));
		int none = 0;

		SHOW(ioctl(slave, TIOCGPGRP, &none));
		SHOW(ioctl(slave, TIOCSCTTY, 0));
		SHOW(ioctl(slave, TIOCSCTTY, 0));
		CHECK(tcgetpgrp(slave) == getpid());
		CHECK(tcgetsid(slave) == getpid());
		int tty = open("/dev/tty", O_RDWR);

		CHECK(tty >= 0);
		CHECK(isatty(tty));
		handle(SIGINT, on_signal, 0);
		handle(SIGQUIT, on_signal, 0);
		handle(SIGWINCH, on_signal, 0);
		handle(SIGHUP, on_signal, 0);
		handle(SIGCONT, on_signal, 0);
		write(slave, "r1", 2);
		SHOW(read(slave, buf, sizeof(buf)));
		write(slave, "r2", 2);
		SHOW(read(slave, buf, sizeof(buf)));
		write(slave, "r3", 2);
		SHOW(pause());

		/* A child in the background. */
		signal(SIGTTOU, SIG_IGN);
		pid_t bg = fork();

		if (bg == 0) {
			signal(SIGTTOU, SIG_DFL);
			setpgid(0, 0);
			read(slave, buf, sizeof(buf));
			printf("background reads after it was brought to the front\n");
			fflush(stdout);
			tcsetpgrp(slave, getppid());
			_exit(3);
		}
		setpgid(bg, bg);
		int st;

		waitpid(bg, &st, WUNTRACED);
		show_status("reader", st);
		SHOW(tcsetpgrp(slave, bg));
		kill(bg, SIGCONT);
		write(slave, "r4", 2);
		waitpid(bg, &st, WUNTRACED);
		show_status("reader", st);
		if (WIFSTOPPED(st)) {
			tcsetpgrp(slave, getpid());
			kill(bg, SIGCONT);
			waitpid(bg, &st, 0);
			show_status("setter", st);
		}
		SHOW(tcsetpgrp(slave, getpid()));
		SHOW(tcsetpgrp(slave, 999999));
		SHOW(tcsetpgrp(slave, getppid()));

		struct termios tio;

		tcgetattr(slave, &tio);
		tio.c_lflag |= TOSTOP;
		tcsetattr(slave, TCSANOW, &tio);
		bg = fork();
		if (bg == 0) {
			signal(SIGTTOU, SIG_DFL);
			setpgid(0, 0);
			write(slave, "bg", 2);
			_exit(4);
		}
		setpgid(bg, bg);
		waitpid(bg, &st, WUNTRACED);
		show_status("writer", st);
		kill(bg, SIGKILL);
		waitpid(bg, &st, 0);
		show_status("writer", st);
		sigset_t end;
		siginfo_t si;

		sigemptyset(&end);
		sigaddset(&end, SIGHUP);
		sigaddset(&end, SIGCONT);
		sigprocmask(SIG_BLOCK, &end, NULL);
		write(slave, "r5", 2);
		for (int i = 0; i < 2; i++)
			printf("%s\n", sig_name(sigwaitinfo(&end, &si)));
		SHOW(read(slave, buf, sizeof(buf)));
		SHOW(open("/dev/tty", O_RDWR));
		_exit(0);
	}
	close(slave);

	char buf[64];
	int st;
	size_t seen = 0;
	char want[3] = "r1";

	fcntl(master, F_SETFL, O_RDWR);
	for (int step = 1; step <= 5; step++) {
		/* Until the child says that it is there. */
		for (;;) {
			ssize_t n = read(master, buf, sizeof(buf) - 1);

			if (n <= 0)
				break;
			buf[n] = 0;
			want[1] = (char)('0' + step);
			if (strstr(buf, want))
				break;
		}
		sleep_ms(100);
		struct winsize ws = { 10, (unsigned short)(20 + step), 0, 0 };

		if (step == 1)
			type("lost\003");
		else if (step == 2)
			type("\034");
		else if (step == 3)
			ioctl(master, TIOCSWINSZ, &ws);
		else if (step == 4)
			type("front\n");
		else
			close(master);
		(void)seen;
	}
	waitpid(pid, &st, 0);
	show_status("session leader", st);
}

/* The leader's end takes the terminal from those who stay. */
static void leader_exit(void)
{
	int p[2];

	open_pair();
	fcntl(slave, F_SETFL, O_RDWR);
	pipe(p);
	fflush(stdout);
	if (fork() == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		if (fork() == 0) {
			char c;

			handle(SIGHUP, on_signal, 0);
			write(p[1], "x", 1);
			pause();
			SHOW(write(slave, "x", 1));
			SHOW(read(slave, &c, 1));
			write(p[1], "x", 1);
			_exit(0);
		}
		char c;

		read(p[0], &c, 1);
		sleep_ms(50);
		_exit(0);
	}
	close(slave);
	wait(NULL);
	char c;

	read(p[0], &c, 1);
	rd("master", master);
	close(master);
}

int main(void)
{
	editing();
	modes();
	raw();
	flow();
	packet();
	limits();
	hangup();
	session();
	leader_exit();
	return 0;
}
