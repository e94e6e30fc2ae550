/* SPDX-License-Identifier: Apache-2.0 */
/* epoll(7): level, edge, one-shot, exclusive, nesting, what close does, and wrong arguments. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *err(int r)
{
	return r < 0 ? strerrorname_np(errno) : "0";
}

static int ctl(int ep, int op, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = (uint64_t)fd + 1000 };

	return epoll_ctl(ep, op, fd, &ev);
}

static void show(const char *what, int ep, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(ep, ev, 8, ms);

	printf("%s: %d", what, n);
	for (int i = 0; i < n; i++)
		printf(" [%x]", ev[i].events);
	printf("\n");
}

static void modes(void)
{
	int p[2], ep = epoll_create1(EPOLL_CLOEXEC);

	pipe(p);
	printf("add %s\n", err(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN)));
	printf("again %s\n", err(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN)));
	show("empty", ep, 0);
	write(p[1], "abc", 3);
	show("level 1", ep, 0);
	show("level 2", ep, 0);
	printf("mod %s\n", err(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET)));
	show("edge after mod", ep, 0);
	show("edge again", ep, 0);
	write(p[1], "d", 1);
	show("edge new data", ep, 0);
	show("edge again", ep, 0);
	printf("mod %s\n", err(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT)));
	show("oneshot", ep, 0);
	write(p[1], "e", 1);
	show("oneshot spent", ep, 0);
	printf("rearm %s\n", err(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT)));
	show("oneshot", ep, 0);
	printf("del %s\n", err(ctl(ep, EPOLL_CTL_DEL, p[0], 0)));
	printf("del %s\n", err(ctl(ep, EPOLL_CTL_DEL, p[0], 0)));
	printf("mod %s\n", err(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN)));
	ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
	close(p[1]);
	show("writer gone", ep, 0);
	close(p[0]);
	show("closed", ep, 0);
	close(ep);
}

static void closing(void)
{
	int ep = epoll_create1(0), e = eventfd(1, 0), d = dup(e);

	ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN);
	close(e);
	show("dup keeps it", ep, 0);
	close(d);
	show("last close", ep, 0);
	for (int i = 0; i < 100; i++) {
		int s[2];

		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		if (ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLOUT) < 0)
			printf("%d: %s\n", i, strerror(errno));
		close(s[0]);
		close(s[1]);
	}
	show("after 100", ep, 0);
	close(ep);
}

static void nesting(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), e = eventfd(0, 0);
	uint64_t one = 1;

	printf("b in a %s\n", err(ctl(a, EPOLL_CTL_ADD, b, EPOLLIN)));
	printf("a in b %s\n", err(ctl(b, EPOLL_CTL_ADD, a, EPOLLIN)));
	printf("a in a %s\n", err(ctl(a, EPOLL_CTL_ADD, a, EPOLLIN)));
	ctl(b, EPOLL_CTL_ADD, e, EPOLLIN);
	show("outer", a, 0);
	write(e, &one, 8);
	show("outer", a, 0);
	show("inner", b, 0);
	read(e, &one, 8);
	show("outer", a, 0);
	close(a);
	close(b);
	close(e);
}

static void wrong(void)
{
	int ep = epoll_create1(0), e = eventfd(0, 0), f = open("/proc/self/exe", O_RDONLY);
	struct epoll_event ev;

	printf("bad ep %s\n", err(ctl(99, EPOLL_CTL_ADD, e, EPOLLIN)));
	printf("bad fd %s\n", err(ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN)));
	printf("not ep %s\n", err(ctl(e, EPOLL_CTL_ADD, ep, EPOLLIN)));
	printf("file %s\n", err(ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN)));
	printf("op %s\n", err(ctl(ep, 77, e, EPOLLIN)));
	printf("ptr %s\n", err(epoll_ctl(ep, EPOLL_CTL_ADD, e, (void *)8)));
	printf("max 0 %s\n", err(epoll_wait(ep, &ev, 0, 0)));
	printf("max -1 %s\n", err(epoll_wait(ep, &ev, -1, 0)));
	printf("create 0 %s\n", err(epoll_create(0)));
	printf("flags %s\n", err(epoll_create1(1)));
	printf("excl mod %s\n", err((ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLEXCLUSIVE),
				     ctl(ep, EPOLL_CTL_MOD, e, EPOLLIN))));
	printf("excl oneshot %s\n", err((ctl(ep, EPOLL_CTL_DEL, e, 0),
					 ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT))));
	uint64_t one = 1;

	ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN);
	write(e, &one, 8);
	printf("wait ptr %s\n", err(epoll_wait(ep, (void *)8, 1, 0)));
	close(ep);
	close(e);
	close(f);
}

static int shared_ep, wakes;
static void *waiter(void *arg)
{
	struct epoll_event ev;

	(void)arg;
	if (epoll_wait(shared_ep, &ev, 1, 500) == 1)
		__atomic_add_fetch(&wakes, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void threads(void)
{
	pthread_t t[4];
	int e = eventfd(0, 0);
	uint64_t one = 1;

	shared_ep = epoll_create1(0);
	ctl(shared_ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLET);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, waiter, NULL);
	usleep(100000);
	write(e, &one, 8);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("edge wakes %d of 4\n", wakes);
}

int main(void)
{
	modes();
	closing();
	nesting();
	wrong();
	threads();
	return 0;
}
