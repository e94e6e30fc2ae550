/* SPDX-License-Identifier: Apache-2.0 */
/* The group addresses that a link listens to, and who wants to hear everything. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link/link.h"

static struct link_maddr *find(const struct link *link, const uint8_t mac[6])
{
	struct link_maddr *m;

	list_for_each_entry(m, &link->maddrs, list) if (!memcmp(m->mac, mac, 6)) return m;
	return NULL;
}

bool link_maddr_has(const struct link *link, const uint8_t mac[6])
{
	return find(link, mac);
}

int link_maddr_add(struct link *link, const uint8_t mac[6])
{
	struct link_maddr *m = find(link, mac);

	if (m) {
		m->users++;
		return 0;
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	memcpy(m->mac, mac, 6);
	m->users = 1;
	list_push_back(&link->maddrs, &m->list);
	return 0;
}

int link_maddr_del(struct link *link, const uint8_t mac[6])
{
	struct link_maddr *m = find(link, mac);

	if (!m)
		return -ENOENT;
	if (--m->users == 0) {
		list_remove(&m->list);
		free(m);
	}
	return 0;
}

void link_maddr_flush(struct link *link)
{
	struct link_maddr *m;

	while ((m = list_pop_entry(&link->maddrs, struct link_maddr, list)))
		free(m);
}

void link_promisc(struct link *link, int delta)
{
	bool was = link->promisc;

	link->promisc = (uint32_t)((int64_t)link->promisc + delta);
	if (was != (link->promisc != 0))
		link_notify(link, false);
}

void link_allmulti(struct link *link, int delta)
{
	bool was = link->allmulti;

	link->allmulti = (uint32_t)((int64_t)link->allmulti + delta);
	if (was != (link->allmulti != 0))
		link_notify(link, false);
}
