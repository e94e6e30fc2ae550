/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of others that we answer for on a link: proxy ARP (RFC 1027) and proxy ND (RFC 4389). */
#include <errno.h>
#include <stdlib.h>

#include "link/link.h"

#define PROXIES_MAX 4096

struct neigh_proxy *proxy_find(const struct links *ls, const struct link *link,
			       const struct net_addr *addr)
{
	struct neigh_proxy *p;

	list_for_each_entry(p, &ls->proxies, list)
	{
		if (p->link == link && p->addr.family == addr->family &&
		    p->addr.quad[0] == addr->quad[0] && p->addr.quad[1] == addr->quad[1])
			return p;
	}
	return NULL;
}

int proxy_add(struct links *ls, struct link *link, const struct net_addr *addr)
{
	struct neigh_proxy *p;
	unsigned n = 0;

	if (proxy_find(ls, link, addr))
		return 0;
	list_for_each_entry(p, &ls->proxies, list) n++;
	if (n >= PROXIES_MAX)
		return -ENOSPC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->link = link;
	p->addr = *addr;
	p->addr.scope = 0;
	list_push_back(&ls->proxies, &p->list);
	return 0;
}

int proxy_del(struct links *ls, struct link *link, const struct net_addr *addr)
{
	struct neigh_proxy *p = proxy_find(ls, link, addr);

	if (!p)
		return -ENOENT;
	list_remove(&p->list);
	free(p);
	return 0;
}

void proxy_flush(struct links *ls, struct link *link)
{
	struct neigh_proxy *p;

	list_for_each_entry_safe(p, &ls->proxies, list)
	{
		if (link && p->link != link)
			continue;
		list_remove(&p->list);
		free(p);
	}
}
