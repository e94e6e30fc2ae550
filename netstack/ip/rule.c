/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of policy routing: which table a packet's route is looked for in. Without rules of a user the main
 * and the default table are asked, and nothing else is looked at. */
#include <errno.h>
#include <stdlib.h>

#include "ip/ip.h"

#define RULES_MAX 4096
#define RTPROT_KERNEL 2

static struct list *rules_of(struct ip *ip, uint16_t family)
{
	return &ip->rules[family == AF_INET6];
}

static void notify(struct ip *ip, const struct rule *rule, bool gone)
{
	struct net_change *c = change_new(&ip->core->changes, NET_CHANGE_RULE, gone);

	if (c)
		c->rule = rule->r;
}

static net_link_id resolve_name(struct ip *ip, const char name[16])
{
	struct link *link;

	if (!name[0])
		return 0;
	list_for_each_entry(link, &ip->links->all, all) if (!strncmp(link->name, name, 16)) return link->id;
	return -1;
}

void rules_resolve(struct ip *ip)
{
	struct rule *rule;

	for (int i = 0; i < 2; i++)
	{
		list_for_each_entry(rule, &ip->rules[i], list)
		{
			rule->iif = resolve_name(ip, rule->r.iif);
			rule->oif = resolve_name(ip, rule->r.oif);
		}
	}
}

/* Puts a rule behind those of its priority. */
static struct rule *insert(struct ip *ip, const struct net_rule *from)
{
	struct list *all = rules_of(ip, from->family);
	struct rule *rule = calloc(1, sizeof(*rule)), *other;

	if (!rule)
		return NULL;
	rule->r = *from;
	rule->iif = resolve_name(ip, from->iif);
	rule->oif = resolve_name(ip, from->oif);
	list_for_each_entry(other, all, list)
	{
		if (other->r.priority > from->priority) {
			list_insert_before(&other->list, &rule->list);
			return rule;
		}
	}
	list_push_back(all, &rule->list);
	return rule;
}

int rules_init(struct ip *ip)
{
	static const struct {
		uint16_t family;
		uint32_t priority, table;
	} first[] = {
		{AF_INET, 0, NET_TABLE_LOCAL},	     {AF_INET, 32766, NET_TABLE_MAIN},
		{AF_INET, 32767, NET_TABLE_DEFAULT}, {AF_INET6, 0, NET_TABLE_LOCAL},
		{AF_INET6, 32766, NET_TABLE_MAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(first); i++) {
		struct net_rule r = {.family = first[i].family,
				     .priority = first[i].priority,
				     .action = NET_RULE_TABLE,
				     .table = first[i].table,
				     .suppress_prefix_len = -1,
				     .protocol = RTPROT_KERNEL};

		if (!insert(ip, &r))
			return -ENOMEM;
	}
	return 0;
}

void rules_free(struct ip *ip)
{
	for (int i = 0; i < 2; i++) {
		struct rule *rule;

		while ((rule = list_pop_entry(&ip->rules[i], struct rule, list)))
			free(rule);
	}
}

static int check(const struct net_rule *r)
{
	unsigned bits = r->family == AF_INET ? 32 : 128;

	if (r->family != AF_INET && r->family != AF_INET6)
		return -EAFNOSUPPORT;
	if (r->l3mdev)
		return -EOPNOTSUPP;
	if (r->src_len > bits || r->dst_len > bits || memchr(r->iif, 0, 16) == NULL ||
	    memchr(r->oif, 0, 16) == NULL)
		return -EINVAL;
	if ((r->src_len && r->src.family != r->family) || (r->dst_len && r->dst.family != r->family))
		return -EINVAL;
	switch ((enum net_rule_action)r->action) {
	case NET_RULE_TABLE:
		return r->table ? 0 : -EINVAL;
	case NET_RULE_GOTO:
		return r->target > r->priority ? 0 : -EINVAL;
	case NET_RULE_NOP:
	case NET_RULE_BLACKHOLE:
	case NET_RULE_UNREACHABLE:
	case NET_RULE_PROHIBIT:
		return 0;
	}
	return -EINVAL;
}

static bool same_text(const char a[16], const char b[16])
{
	return !strncmp(a, b, 16);
}

static bool same_match(const struct net_rule *a, const struct net_rule *b)
{
	return a->action == b->action && a->table == b->table && a->target == b->target &&
	       a->src_len == b->src_len && a->dst_len == b->dst_len &&
	       (!a->src_len || addr_eq(&a->src, &b->src)) &&
	       (!a->dst_len || addr_eq(&a->dst, &b->dst)) && a->invert == b->invert &&
	       a->tos == b->tos && same_text(a->iif, b->iif) && same_text(a->oif, b->oif) &&
	       a->mark == b->mark && a->mark_mask == b->mark_mask && a->ip_proto == b->ip_proto &&
	       !memcmp(a->sport, b->sport, sizeof(a->sport)) &&
	       !memcmp(a->dport, b->dport, sizeof(a->dport)) && a->has_uid == b->has_uid &&
	       !memcmp(a->uid, b->uid, sizeof(a->uid)) &&
	       a->suppress_prefix_len == b->suppress_prefix_len;
}

/* Linux: one less than the second rule's priority, so that the newest is asked first. */
static uint32_t default_priority(struct ip *ip, uint16_t family)
{
	struct rule *rule;

	list_for_each_entry(rule, rules_of(ip, family), list) if (rule->r.priority)
		return rule->r.priority - 1;
	return 0;
}

static uint32_t normal_mask(const struct net_rule *r)
{
	return r->mark && !r->mark_mask ? UINT32_MAX : r->mark_mask;
}

int rule_add(struct ip *ip, const struct net_rule *from)
{
	struct net_rule r = *from;
	struct rule *rule;
	unsigned n = 0;
	int e;

	r.mark_mask = normal_mask(&r);
	if (!r.has_priority)
		r.priority = default_priority(ip, r.family);
	r.has_priority = 1;
	e = check(&r);
	if (e < 0)
		return e;
	r.src = r.src_len ? addr_prefix(&r.src, r.src_len) : (struct net_addr){0};
	r.dst = r.dst_len ? addr_prefix(&r.dst, r.dst_len) : (struct net_addr){0};
	list_for_each_entry(rule, rules_of(ip, r.family), list)
	{
		n++;
		if (rule->r.priority == r.priority && same_match(&rule->r, &r))
			return -EEXIST;
	}
	if (n >= RULES_MAX)
		return -ENOSPC;
	rule = insert(ip, &r);
	if (!rule)
		return -ENOMEM;
	ip->custom_rules[r.family == AF_INET6] = true;
	ip_changed(ip);
	notify(ip, rule, false);
	return 0;
}

/* Whether a rule agrees with all that @k gives. */
static bool agrees(const struct net_rule *r, const struct net_rule *k)
{
	if ((k->has_priority && r->priority != k->priority) || (k->action && r->action != k->action))
		return false;
	if ((k->table && r->table != k->table) || (k->tos && r->tos != k->tos) ||
	    (k->ip_proto && r->ip_proto != k->ip_proto) || r->invert != k->invert)
		return false;
	if (k->src_len && (r->src_len != k->src_len || addr_common_bits(&r->src, &k->src) < k->src_len))
		return false;
	if (k->dst_len && (r->dst_len != k->dst_len || addr_common_bits(&r->dst, &k->dst) < k->dst_len))
		return false;
	if ((k->iif[0] && !same_text(r->iif, k->iif)) || (k->oif[0] && !same_text(r->oif, k->oif)))
		return false;
	if ((k->mark && r->mark != k->mark) || (k->mark_mask && r->mark_mask != k->mark_mask))
		return false;
	if (k->has_uid && memcmp(r->uid, k->uid, sizeof(k->uid)))
		return false;
	return (!k->sport[1] || !memcmp(r->sport, k->sport, sizeof(k->sport))) &&
	       (!k->dport[1] || !memcmp(r->dport, k->dport, sizeof(k->dport)));
}

int rule_del(struct ip *ip, const struct net_rule *key)
{
	struct rule *rule;

	if (key->family != AF_INET && key->family != AF_INET6)
		return -EAFNOSUPPORT;
	list_for_each_entry(rule, rules_of(ip, key->family), list)
	{
		if (!agrees(&rule->r, key))
			continue;
		notify(ip, rule, true);
		list_remove(&rule->list);
		free(rule);
		ip->custom_rules[key->family == AF_INET6] = true;
		ip_changed(ip);
		return 0;
	}
	return -ENOENT;
}

static bool in_range(uint16_t v, const uint16_t range[2])
{
	return !range[1] || (v >= range[0] && v <= range[1]);
}

static bool matches(const struct rule *rule, const struct ip_flow *flow)
{
	const struct net_rule *r = &rule->r;

	if (r->iif[0]) {
		/* "lo" stands for what we send ourselves. */
		net_link_id iif = flow->iif ? flow->iif : NET_LINK_LOOPBACK_ID;

		if (rule->iif != iif)
			return false;
	}
	if (r->oif[0] && rule->oif != flow->oif)
		return false;
	if ((flow->mark ^ r->mark) & r->mark_mask)
		return false;
	if (r->src_len && (!flow->src.family || !addr_in_prefix(&flow->src, &r->src, r->src_len)))
		return false;
	if (r->dst_len && !addr_in_prefix(&flow->dst, &r->dst, r->dst_len))
		return false;
	if (r->tos && r->tos != (flow->tos & 0xfc))
		return false;
	if (r->ip_proto && r->ip_proto != flow->proto)
		return false;
	if (r->has_uid && (flow->uid < r->uid[0] || flow->uid > r->uid[1]))
		return false;
	return in_range(flow->sport, r->sport) && in_range(flow->dport, r->dport);
}

static int refuse(uint8_t route_type)
{
	switch (route_type) {
	case NET_ROUTE_UNREACHABLE:
		return -EHOSTUNREACH;
	case NET_ROUTE_BLACKHOLE:
		return -EINVAL;
	case NET_ROUTE_PROHIBIT:
		return -EACCES;
	default:
		return 0;
	}
}

/* One table: 0 found, > 0 go on with the next rule, < 0 no. */
static int ask_table(struct ip *ip, uint32_t id, const struct ip_flow *flow, int suppress,
		     struct fib_result *ret)
{
	struct fib_table *t = fib_table(ip, flow->dst.family, id, false);

	if (!t || !fib_table_lookup(t, flow, suppress, ret) || ret->rt->r.type == NET_ROUTE_THROW)
		return 1;
	return refuse(ret->rt->r.type);
}

static int by_rules(struct ip *ip, const struct ip_flow *flow, struct fib_result *ret)
{
	uint32_t resume = 0; /* behind a goto */
	struct rule *rule;

	list_for_each_entry(rule, rules_of(ip, flow->dst.family), list)
	{
		const struct net_rule *r = &rule->r;
		int e = 1;

		if (r->priority < resume || matches(rule, flow) == (r->invert != 0))
			continue;
		switch ((enum net_rule_action)r->action) {
		case NET_RULE_TABLE: /* the local table is asked before all rules: addr.c */
			e = r->table == NET_TABLE_LOCAL
				    ? 1
				    : ask_table(ip, r->table, flow, r->suppress_prefix_len, ret);
			break;
		case NET_RULE_GOTO:
			resume = r->target;
			break;
		case NET_RULE_NOP:
			break;
		case NET_RULE_BLACKHOLE:
			return -EINVAL;
		case NET_RULE_UNREACHABLE:
			return -ENETUNREACH;
		case NET_RULE_PROHIBIT:
			return -EACCES;
		}
		if (e <= 0)
			return e;
	}
	return -ENETUNREACH;
}

int fib_lookup(struct ip *ip, const struct ip_flow *flow, struct fib_result *ret)
{
	bool v6 = flow->dst.family == AF_INET6;
	int e;

	*ret = (struct fib_result){0};
	if (ip->custom_rules[v6])
		return by_rules(ip, flow, ret);
	e = ask_table(ip, NET_TABLE_MAIN, flow, -1, ret);
	if (e > 0 && !v6)
		e = ask_table(ip, NET_TABLE_DEFAULT, flow, -1, ret);
	return e > 0 ? -ENETUNREACH : e;
}
