/* SPDX-License-Identifier: Apache-2.0 */
/* What all congestion control algorithms share: the registry and the two classic growth laws.
 *
 * Pure: reads no clock, allocates nothing.
 * Invariant: 1 <= cwnd <= clamp after every call.
 */
#include "tcp/cc.h"

#include <assert.h>
#include <string.h>

static const struct cc_ops *const algorithms[] = {&cc_cubic, &cc_reno, &cc_bbr, &cc_dctcp};

const struct cc_ops *cc_nth(unsigned int n)
{
	return n < sizeof(algorithms) / sizeof(algorithms[0]) ? algorithms[n] : NULL;
}

const struct cc_ops *cc_find(const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && name[n])
		n++;
	for (unsigned int i = 0; cc_nth(i); i++) {
		const struct cc_ops *ops = cc_nth(i);

		if (strlen(ops->name) == n && memcmp(ops->name, name, n) == 0)
			return ops;
	}
	return NULL;
}

void cc_init(struct cc *cc, const struct cc_ops *ops)
{
	memset(cc, 0, sizeof(*cc));
	cc->ops = ops;
	cc->cwnd = CC_INIT_CWND;
	cc->ssthresh = CC_SSTHRESH_INFINITE;
	cc->clamp = CC_CWND_MAX;
	cc->pacing_rate = CC_NOT_PACED;
	cc->hystart_mode = 1;
	ops->init(cc);
}

void cc_switch(struct cc *cc, const struct cc_ops *ops)
{
	if (cc->ops == ops)
		return;
	memset(&cc->u, 0, sizeof(cc->u));
	cc->ops = ops;
	ops->init(cc);
}

void cc_set_cwnd(struct cc *cc, uint32_t cwnd)
{
	if (cwnd > cc->clamp)
		cwnd = cc->clamp;
	cc->cwnd = cwnd ? cwnd : 1;
}

bool cc_is_limited(const struct cc *cc)
{
	if (cc->limited)
		return true;
	/* In slow start cwnd may run ahead of use by a factor of two, so that it can probe at all.
	 */
	return cc_in_slow_start(cc) && cc->cwnd < 2 * cc->max_out;
}

uint32_t cc_slow_start(struct cc *cc, uint32_t acked)
{
	uint32_t room = cc->ssthresh - cc->cwnd;
	uint32_t used = acked < room ? acked : room;

	cc_set_cwnd(cc, cc->cwnd + used);
	return acked - used;
}

void cc_additive(struct cc *cc, uint32_t per, uint32_t acked)
{
	assert(per > 0);

	/* Credit that was saved for a slower rate counts once at the faster one. */
	if (cc->cnt >= per) {
		cc->cnt = 0;
		cc_set_cwnd(cc, cc->cwnd + 1);
	}
	cc->cnt += acked;
	if (cc->cnt >= per) {
		uint32_t steps = cc->cnt / per;

		cc->cnt -= steps * per;
		cc_set_cwnd(cc, cc->cwnd + steps);
	}
}

void cc_restart_after_idle(struct cc *cc, net_dur idle, net_dur rto, uint32_t restart_cwnd)
{
	uint32_t cwnd = cc->cwnd;
	uint32_t floor = restart_cwnd < cwnd ? restart_cwnd : cwnd;
	uint32_t keep = cwnd / 2 + cwnd / 4;

	/* RFC 2861: remember three quarters of the window as the threshold to return to fast. */
	if (cc->ssthresh < keep)
		cc->ssthresh = keep;
	while ((idle -= rto) > 0 && cwnd > floor)
		cwnd /= 2;
	cc_set_cwnd(cc, cwnd > floor ? cwnd : floor);
	cc->used_stamp_cwnd = 0;
}
