/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of known bytes from one stack to another. */
#include "sim/bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PATTERN 1048573u /* a prime: no block boundary ever repeats the phase */

static int open_socket(struct bulk *bulk, int stack, net_sock_id *ret)
{
	return net_sock_open(sim_stack(bulk->sim, stack), ret, bulk->family, SOCK_STREAM, 0);
}

static void write_some(struct bulk *bulk)
{
	struct net_stack *stack = sim_stack(bulk->sim, bulk->from);

	while (bulk->sent < bulk->total) {
		uint64_t left = bulk->total - bulk->sent;
		size_t at = bulk->sent % PATTERN;
		size_t len = bulk->chunk < left ? bulk->chunk : (size_t)left;
		struct iovec iov = {bulk->pattern + at, len};
		struct net_msg msg = {.iov = &iov, .iov_len = 1};
		ssize_t n = net_sock_send(stack, bulk->tx, &msg, 0);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			bulk->error = (int)-n;
			return;
		}
		bulk->sent += (uint64_t)n;
	}
	(void)net_sock_shutdown(stack, bulk->tx, SHUT_WR);
}

static void read_some(struct bulk *bulk)
{
	struct net_stack *stack = sim_stack(bulk->sim, bulk->to);

	for (;;) {
		size_t at = bulk->received % PATTERN;
		struct iovec iov = {bulk->buf, bulk->chunk};
		struct net_msg msg = {.iov = &iov, .iov_len = 1};
		ssize_t n = net_sock_recv(stack, bulk->rx, &msg, 0);

		if (n == -EAGAIN)
			return;
		if (n < 0) {
			bulk->error = (int)-n;
			return;
		}
		if (n == 0) {
			bulk->eof = bulk->received == bulk->total;
			(void)net_sock_shutdown(stack, bulk->rx, SHUT_WR);
			return;
		}
		if (memcmp(bulk->buf, bulk->pattern + at, (size_t)n) != 0)
			bulk->corrupt = true;
		bulk->received += (uint64_t)n;
	}
}

static void on_event(void *ctx, struct sim *sim, int stack, const struct net_event *event)
{
	struct bulk *bulk = ctx;

	if (stack == bulk->to && event->sock == bulk->listener && !bulk->rx) {
		if (net_sock_accept(sim_stack(sim, stack), bulk->listener, &bulk->rx, NULL, NULL) ==
		    0)
			read_some(bulk);
	} else if (stack == bulk->to && event->sock == bulk->rx && !bulk->eof) {
		if (event->ready & (EPOLLIN | EPOLLHUP | EPOLLERR))
			read_some(bulk);
	} else if (stack == bulk->from && event->sock == bulk->tx) {
		if (event->ready & EPOLLERR && !bulk->eof)
			bulk->error = EIO;
		else if (event->ready & EPOLLOUT && bulk->sent < bulk->total)
			write_some(bulk);
	}
}

int bulk_start(struct bulk *bulk)
{
	struct net_stack *to = sim_stack(bulk->sim, bulk->to);
	struct net_stack *from = sim_stack(bulk->sim, bulk->from);
	struct sockaddr_storage addr;
	socklen_t len =
		sim_addr(bulk->sim, bulk->link, !bulk->reverse, bulk->family, bulk->port, &addr);
	uint32_t x = 1;
	int r;

	if (!bulk->chunk)
		bulk->chunk = 65536;
	bulk->pattern = malloc(PATTERN + bulk->chunk);
	bulk->buf = malloc(bulk->chunk);
	if (!bulk->pattern || !bulk->buf)
		return -ENOMEM;
	for (size_t i = 0; i < PATTERN + bulk->chunk; i++) {
		if (i < PATTERN) {
			x = x * 1664525u + 1013904223u;
			bulk->pattern[i] = (uint8_t)(x >> 24);
		} else {
			bulk->pattern[i] = bulk->pattern[i - PATTERN];
		}
	}
	sim_on_event(bulk->sim, on_event, bulk);
	sim_settle(bulk->sim);
	r = open_socket(bulk, bulk->to, &bulk->listener);
	if (r == 0)
		r = net_sock_bind(to, bulk->listener, (struct sockaddr *)&addr, len);
	if (r == 0)
		r = net_sock_listen(to, bulk->listener, 4);
	if (r == 0)
		r = open_socket(bulk, bulk->from, &bulk->tx);
	if (r < 0)
		return r;
	r = net_sock_connect(from, bulk->tx, (struct sockaddr *)&addr, len);
	return r == -EINPROGRESS ? 0 : r;
}

static bool unfinished(void *ctx)
{
	const struct bulk *bulk = ctx;

	return !bulk->eof && !bulk->corrupt && !bulk->error;
}

bool bulk_run(struct bulk *bulk, net_time limit)
{
	sim_run_while(bulk->sim, unfinished, bulk, limit);
	return bulk->eof && !bulk->corrupt && !bulk->error;
}

void bulk_stop(struct bulk *bulk)
{
	sim_on_event(bulk->sim, NULL, NULL);
	if (bulk->tx)
		(void)net_sock_close(sim_stack(bulk->sim, bulk->from), bulk->tx);
	if (bulk->rx)
		(void)net_sock_close(sim_stack(bulk->sim, bulk->to), bulk->rx);
	if (bulk->listener)
		(void)net_sock_close(sim_stack(bulk->sim, bulk->to), bulk->listener);
	free(bulk->pattern);
	free(bulk->buf);
	bulk->pattern = bulk->buf = NULL;
}
