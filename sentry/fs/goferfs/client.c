/* SPDX-License-Identifier: Apache-2.0 */
/* The 9P client: framing, tags, leader and followers, fid numbers.
 *
 * The server is trusted no further than its messages are well-formed: a reply that does not decode, or
 * of the wrong kind, ends the sandbox as a dead server does.
 */
#include "fs/goferfs/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "boot/kernel.h"
#include "core/mutex.h"
#include "host/file.h"
#include "util/bytes.h"
#include "util/cleanup.h"

#define SLOTS 32
#define TX_SIZE 8192U
#define RX_MIN 4096U
#define MSIZE_WANTED (256U << 10)

struct slot {
	pthread_cond_t cv;
	bool busy, done; /* [mu] */
	uint8_t *rx;	 /* written by the reader while the slot waits */
	uint32_t rx_cap, rx_len;
	int fd;
};

/* Locks: [mu], [send] one frame at a time. */
struct p9_client {
	int fd;	       /* [I] */
	uint32_t msize; /* [I] after negotiation */
	struct mutex mu;   /* RANK_GOFER */
	struct mutex send; /* RANK_GOFER, never with mu */
	pthread_cond_t slot_free;
	bool reading; /* [mu] somebody is the leader */
	bool dead;    /* [mu] */
	struct slot slots[SLOTS];

	struct mutex fid_mu; /* RANK_LEAF */
	uint32_t next_fid;   /* [fid_mu] */
	uint32_t *free_fids; /* [fid_mu] */
	size_t n_free, cap_free; /* [fid_mu] */
	struct p9_fids clunks; /* [fid_mu] to be clunked */
};

uint32_t p9_client_msize(const struct p9_client *c)
{
	return c->msize;
}

static void die_locked(struct p9_client *c, const char *why)
{
	if (c->dead)
		return;
	c->dead = true;
	for (int i = 0; i < SLOTS; i++)
		pthread_cond_signal(&c->slots[i].cv);
	pthread_cond_broadcast(&c->slot_free);
	kernel_fatal(why);
}

/* ---- slots ---- */

static int slot_get(struct p9_client *c)
{
	int got = -1;

	mutex_lock(&c->mu);
	while (got < 0 && !c->dead) {
		for (int i = 0; i < SLOTS && got < 0; i++) {
			if (!c->slots[i].busy)
				got = i;
		}
		if (got < 0)
			pthread_cond_wait(&c->slot_free, &c->mu.m);
	}
	if (got >= 0 && c->dead)
		got = -1;
	if (got >= 0) {
		c->slots[got].busy = true;
		c->slots[got].done = false;
		c->slots[got].fd = -1;
	}
	mutex_unlock(&c->mu);
	return got;
}

static void slot_put(struct p9_client *c, int i)
{
	mutex_lock(&c->mu);
	c->slots[i].busy = false;
	pthread_cond_signal(&c->slot_free);
	mutex_unlock(&c->mu);
}

/* ---- wire ---- */

static int send_frame(struct p9_client *c, const uint8_t *buf, size_t len)
{
	int r = 0;

	mutex_lock(&c->send);
	while (len > 0) {
		struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
		ssize_t n = host_send(c->fd, &iov, 1);

		if (n <= 0) {
			r = -EIO;
			break;
		}
		buf += n;
		len -= (size_t)n;
	}
	mutex_unlock(&c->send);
	return r;
}

static int recv_all(struct p9_client *c, uint8_t *buf, size_t len, int *fd)
{
	while (len > 0) {
		ssize_t n = host_recv(c->fd, buf, len, fd);

		if (n <= 0)
			return -EIO;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads one reply into the slot it is for. Only the leader is here. Returns the slot, or an errno. */
static int read_reply(struct p9_client *c)
{
	uint8_t hdr[P9_HDR_LEN];
	int fd = -1;

	if (recv_all(c, hdr, sizeof(hdr), &fd) < 0)
		return -EIO;

	uint32_t len = load_le32(hdr);
	uint16_t tag = load_le16(hdr + 5);

	if (len < P9_HDR_LEN || len > c->msize || tag >= SLOTS) {
		host_close(fd);
		return -EPROTO;
	}

	struct slot *s = &c->slots[tag];

	/* A slot that nobody waits on would be overwritten under its owner. */
	mutex_lock(&c->mu);
	bool waited = s->busy && !s->done;

	mutex_unlock(&c->mu);
	if (!waited) {
		host_close(fd);
		return -EPROTO;
	}
	if (len > s->rx_cap) {
		uint8_t *rx = realloc(s->rx, MAX(len, RX_MIN));

		if (!rx) {
			host_close(fd);
			return -ENOMEM;
		}
		s->rx = rx;
		s->rx_cap = MAX(len, RX_MIN);
	}
	memcpy(s->rx, hdr, sizeof(hdr));
	s->rx_len = len;
	if (recv_all(c, s->rx + sizeof(hdr), len - sizeof(hdr), &fd) < 0) {
		host_close(fd);
		return -EIO;
	}
	s->fd = fd;
	return tag;
}

/* Wakes one waiter that may become the leader. */
static void pass_on_locked(struct p9_client *c)
{
	for (int i = 0; i < SLOTS; i++) {
		if (c->slots[i].busy && !c->slots[i].done) {
			pthread_cond_signal(&c->slots[i].cv);
			return;
		}
	}
}

static int wait_reply(struct p9_client *c, int mine)
{
	struct slot *s = &c->slots[mine];

	mutex_lock(&c->mu);
	while (!s->done && !c->dead) {
		if (c->reading) {
			pthread_cond_wait(&s->cv, &c->mu.m);
			continue;
		}
		c->reading = true;
		mutex_unlock(&c->mu);
		int got = read_reply(c);

		mutex_lock(&c->mu);
		c->reading = false;
		if (got < 0) {
			die_locked(c, got == -EIO ? "the gofer is gone" :
						    "the gofer sent a malformed reply");
			break;
		}
		c->slots[got].done = true;
		if (got != mine)
			pthread_cond_signal(&c->slots[got].cv);
	}
	if (!c->reading)
		pass_on_locked(c);
	int r = s->done ? 0 : -EIO;

	mutex_unlock(&c->mu);
	return r;
}

/* ---- calls ---- */

static int send_request(struct p9_client *c, struct p9_msg *req, int slot)
{
	uint8_t small[TX_SIZE];
	struct wr out;
	uint8_t *big = NULL;

	req->tag = (uint16_t)slot;
	wr_init(&out, small, sizeof(small));
	int len = p9_encode(&out, req);

	if (len == -EMSGSIZE) {
		big = malloc(c->msize);
		if (!big)
			return -ENOMEM;
		wr_init(&out, big, c->msize);
		len = p9_encode(&out, req);
	}
	int r = len < 0 ? len : send_frame(c, big ? big : small, (size_t)len);

	free(big);
	return r == -EMSGSIZE ? -E2BIG : r;
}

static int check_reply(struct p9_client *c, struct p9_call *call)
{
	struct slot *s = &c->slots[call->slot];
	struct rd in;

	rd_init(&in, s->rx, s->rx_len);
	if (p9_decode(&call->rsp, &in) < 0 ||
	    (call->rsp.type != P9_RLERROR && call->rsp.type != call->req.type + 1)) {
		mutex_lock(&c->mu);
		die_locked(c, "the gofer sent a malformed reply");
		mutex_unlock(&c->mu);
		return -EIO;
	}
	if (call->rsp.type != P9_RLERROR)
		return 0;
	uint32_t e = call->rsp.rlerror.ecode;

	return e > 0 && e < 4096 ? -(int)e : -EIO;
}

int p9_rpc(struct p9_client *c, struct p9_call *call)
{
	call->client = c;
	call->fd = -1;
	call->slot = slot_get(c);
	if (call->slot < 0)
		return -EIO;

	int r = send_request(c, &call->req, call->slot);

	if (r == -EIO) {
		mutex_lock(&c->mu);
		die_locked(c, "the gofer is gone");
		mutex_unlock(&c->mu);
	}
	if (r == 0)
		r = wait_reply(c, call->slot);
	if (r == 0) {
		call->fd = c->slots[call->slot].fd;
		r = check_reply(c, call);
	}
	if (r < 0)
		p9_end(call);
	return r;
}

void p9_end(struct p9_call *call)
{
	if (call->slot < 0)
		return;
	host_close(call->fd);
	call->fd = -1;
	slot_put(call->client, call->slot);
	call->slot = -1;
}

/* ---- fids ---- */

uint32_t p9_fid_new(struct p9_client *c)
{
	mutex_lock(&c->fid_mu);
	uint32_t fid = c->n_free > 0 ? c->free_fids[--c->n_free] : c->next_fid++;

	mutex_unlock(&c->fid_mu);
	return fid;
}

uint32_t p9_fid_block(struct p9_client *c, uint32_t n)
{
	uint32_t fid = P9_NOFID;

	mutex_lock(&c->fid_mu);
	if (c->next_fid < P9_NOFID / 2) {
		fid = c->next_fid;
		c->next_fid += n;
	}
	mutex_unlock(&c->fid_mu);
	return fid;
}

static void free_fid_locked(struct p9_client *c, uint32_t fid)
{
	if (c->n_free == c->cap_free) {
		size_t cap = c->cap_free ? c->cap_free * 2 : 64;
		uint32_t *grown = realloc(c->free_fids, cap * sizeof(*grown));

		if (!grown)
			return; /* the number is lost: there are enough */
		c->free_fids = grown;
		c->cap_free = cap;
	}
	c->free_fids[c->n_free++] = fid;
}

void p9_fid_unused(struct p9_client *c, uint32_t fid)
{
	mutex_lock(&c->fid_mu);
	free_fid_locked(c, fid);
	mutex_unlock(&c->fid_mu);
}

/* The numbers become free only after the server has let go of them. */
static void clunk_now(struct p9_client *c, const struct p9_fids *fids)
{
	struct p9_call call = { .req.type = P9_TCLUNKMANY };

	call.req.tclunkmany.fids = *fids;
	if (p9_rpc(c, &call) < 0)
		return;
	p9_end(&call);
	mutex_lock(&c->fid_mu);
	for (uint16_t i = 0; i < fids->n; i++)
		free_fid_locked(c, fids->v[i]);
	mutex_unlock(&c->fid_mu);
}

static void take_clunks_locked(struct p9_client *c, struct p9_fids *ret)
{
	*ret = c->clunks;
	c->clunks.n = 0;
}

void p9_fid_clunk(struct p9_client *c, uint32_t fid)
{
	struct p9_fids full = { 0 };

	mutex_lock(&c->fid_mu);
	c->clunks.v[c->clunks.n++] = fid;
	if (c->clunks.n == P9_MAX_CLUNK)
		take_clunks_locked(c, &full);
	mutex_unlock(&c->fid_mu);
	if (full.n > 0)
		clunk_now(c, &full);
}

void p9_flush_fids(struct p9_client *c)
{
	struct p9_fids some;

	mutex_lock(&c->fid_mu);
	take_clunks_locked(c, &some);
	mutex_unlock(&c->fid_mu);
	if (some.n > 0)
		clunk_now(c, &some);
}

/* ---- life ---- */

static int negotiate(struct p9_client *c)
{
	struct p9_call call = { .req.type = P9_TVERSION };

	call.req.tversion.msize = MSIZE_WANTED;
	call.req.tversion.version = p9_str(P9_VERSION_NETSENTRY);
	int r = p9_rpc(c, &call);

	if (r < 0)
		return r;
	uint32_t msize = call.rsp.rversion.msize;
	bool known = p9_str_eq(call.rsp.rversion.version, P9_VERSION_NETSENTRY);

	p9_end(&call);
	if (!known || msize < P9_MSIZE_MIN)
		return -EPROTO;
	c->msize = MIN(msize, MSIZE_WANTED);
	return 0;
}

int p9_client_new(struct p9_client **ret, int fd)
{
	struct p9_client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->fd = fd;
	c->msize = MSIZE_WANTED;
	mutex_init(&c->mu, RANK_GOFER);
	mutex_init(&c->send, RANK_GOFER);
	mutex_init(&c->fid_mu, RANK_LEAF);
	pthread_cond_init(&c->slot_free, NULL);
	for (int i = 0; i < SLOTS; i++)
		pthread_cond_init(&c->slots[i].cv, NULL);
	int r = negotiate(c);

	if (r < 0) {
		c->fd = -1;
		p9_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void p9_client_free(struct p9_client *c)
{
	if (!c)
		return;
	for (int i = 0; i < SLOTS; i++) {
		pthread_cond_destroy(&c->slots[i].cv);
		free(c->slots[i].rx);
	}
	pthread_cond_destroy(&c->slot_free);
	mutex_fini(&c->mu);
	mutex_fini(&c->send);
	mutex_fini(&c->fid_mu);
	free(c->free_fids);
	host_close(c->fd);
	free(c);
}
