/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections per second one core opens, uses for a request and a response, and closes,
 * over the loopback of one stack; and how many requests per second on one connection.
 *
 * usage: tcp_crr [connections]
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <netstack/socket.h>
#include <netstack/stack.h>

static struct net_stack *stack;

static net_time now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (net_time)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void die(const char *what, long r)
{
	fprintf(stderr, "tcp_crr: %s: %s\n", what, strerror((int)-r));
	exit(1);
}

static void run(void)
{
	struct net_event event;
	net_time now = now_ns();

	do {
		net_stack_poll(stack, now);
		while (net_stack_next_event(stack, &event))
			;
	} while (net_stack_deadline(stack) <= now);
}

static void put(net_sock_id sock)
{
	char c = 'x';
	struct iovec iov = {&c, 1};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r = net_sock_send(stack, sock, &msg, 0);

	if (r != 1)
		die("send", r);
}

static void get(net_sock_id sock)
{
	char c;
	struct iovec iov = {&c, 1};
	struct net_msg msg = {.iov = &iov, .iov_len = 1};
	ssize_t r = net_sock_recv(stack, sock, &msg, 0);

	if (r != 1)
		die("recv", r);
}

static void open_pair(net_sock_id listener, const struct sockaddr_in *sin, net_sock_id *client,
		      net_sock_id *server)
{
	int r = net_sock_open(stack, client, AF_INET, SOCK_STREAM, 0);

	if (r < 0)
		die("socket", r);
	r = net_sock_connect(stack, *client, (const struct sockaddr *)sin, sizeof(*sin));
	if (r != -EINPROGRESS)
		die("connect", r);
	run();
	r = net_sock_accept(stack, listener, server, NULL, NULL);
	if (r < 0)
		die("accept", r);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = 0x8913};
	net_sock_id listener, client, server;
	struct net_config cfg;
	net_time start;
	double secs;
	int r;

	sin.sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK);
	net_config_init(&cfg);
	cfg.now = now_ns();
	r = net_stack_new(&stack, &cfg);
	if (r < 0)
		die("net_stack_new", r);
	if ((r = net_sock_open(stack, &listener, AF_INET, SOCK_STREAM, 0)) < 0 ||
	    (r = net_sock_bind(stack, listener, (struct sockaddr *)&sin, sizeof(sin))) < 0 ||
	    (r = net_sock_listen(stack, listener, 100)) < 0)
		die("listen", r);
	start = now_ns();
	for (long i = 0; i < n; i++) {
		open_pair(listener, &sin, &client, &server);
		put(client);
		run();
		get(server);
		put(server);
		run();
		get(client);
		/* The server closes first: its TIME-WAIT does not use up the client's ports. */
		net_sock_close(stack, server);
		run();
		net_sock_close(stack, client);
		run();
	}
	secs = (double)(now_ns() - start) / 1e9;
	printf("%.0f connections/s\n", (double)n / secs);
	open_pair(listener, &sin, &client, &server);
	n *= 20;
	start = now_ns();
	for (long i = 0; i < n; i++) {
		put(client);
		run();
		get(server);
		put(server);
		run();
		get(client);
	}
	secs = (double)(now_ns() - start) / 1e9;
	printf("%.0f requests/s on one connection\n", (double)n / secs);
	net_stack_free(stack);
	return 0;
}
