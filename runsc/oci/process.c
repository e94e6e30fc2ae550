/* SPDX-License-Identifier: Apache-2.0 */
/* The process object: config.md "Process" and "POSIX process". */
#include <errno.h>
#include <string.h>

#include "cli/log.h"
#include "oci/names.h"
#include "oci/spec.h"

static int read_user(const struct json_at *process, struct oci_process *p)
{
	struct json_at user, gids;
	int r = json_get_object(process, "user", &user);

	if (r <= 0)
		return r;
	if ((r = json_get_u32(&user, "uid", &p->uid)) < 0 ||
	    (r = json_get_u32(&user, "gid", &p->gid)) < 0 ||
	    (r = json_get_u32(&user, "umask", &p->umask)) < 0)
		return r;
	if (p->umask != UINT32_MAX && p->umask > 0777)
		return json_fail_key(&user, "umask", "%u is not a file mode mask", p->umask);
	r = json_get_array(&user, "additionalGids", &gids);
	if (r <= 0)
		return r;
	p->n_gids = json_array_size(gids.v);
	if (p->n_gids > 65536)
		return json_fail(&gids, "more than 65536 groups");
	p->gids = json_alloc(process->doc, p->n_gids, sizeof(*p->gids));
	if (!p->gids)
		return json_fail(&gids, "out of memory");
	for (size_t i = 0; i < p->n_gids; i++) {
		struct json_at el = {process->doc, json_array_get(gids.v, i), &gids, NULL, i};
		json_int_t v = json_integer_value(el.v);

		if (!json_is_integer(el.v) || v < 0 || v > UINT32_MAX)
			return json_fail(&el, "expected a group id");
		p->gids[i] = (uint32_t)v;
	}
	return 0;
}

static int read_cap_set(const struct json_at *caps, const char *key, uint64_t *ret)
{
	const char *const *names = NULL;
	size_t n = 0;
	int r = json_get_strings(caps, key, 0, &names, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		int cap = cap_from_name(names[i]);

		/* The host may know more capabilities than we do: as runc, say so and go on. */
		if (cap < 0)
			log_debug("capability %s is not known and is ignored", names[i]);
		else
			*ret |= 1ull << cap;
	}
	return r;
}

static int read_caps(const struct json_at *process, struct oci_process *p)
{
	struct json_at caps;
	int r = json_get_object(process, "capabilities", &caps);

	if (r <= 0)
		return r;
	p->has_caps = true;
	if ((r = read_cap_set(&caps, "bounding", &p->caps.bounding)) < 0 ||
	    (r = read_cap_set(&caps, "effective", &p->caps.effective)) < 0 ||
	    (r = read_cap_set(&caps, "inheritable", &p->caps.inheritable)) < 0 ||
	    (r = read_cap_set(&caps, "permitted", &p->caps.permitted)) < 0)
		return r;
	return read_cap_set(&caps, "ambient", &p->caps.ambient);
}

static int read_limit(const struct json_at *at, const char *key, uint64_t *ret)
{
	json_t *v = json_object_get(at->v, key);

	if (!v)
		return json_fail_key(at, key, "is required");
	/* uint64 values above 2^63 arrive as reals: that is how RLIM_INFINITY is written. */
	if (json_is_real(v) && json_real_value(v) >= 9.2e18) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (!json_is_integer(v))
		return json_fail_key(at, key, "expected a number");
	*ret = json_integer_value(v) < 0 ? UINT64_MAX : (uint64_t)json_integer_value(v);
	return 0;
}

static int read_rlimits(const struct json_at *process, struct oci_process *p)
{
	struct json_at array;
	int r = json_get_array(process, "rlimits", &array);

	if (r <= 0)
		return r;
	p->n_rlimits = json_array_size(array.v);
	p->rlimits = json_alloc(process->doc, p->n_rlimits, sizeof(*p->rlimits));
	if (!p->rlimits)
		return json_fail(&array, "out of memory");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		struct oci_rlimit *lim = &p->rlimits[i];
		const char *name = NULL;
		struct json_at el;

		if ((r = json_element(&array, i, &el)) < 0 ||
		    (r = json_get_string(&el, "type", JSON_REQUIRED, &name)) < 0 ||
		    (r = read_limit(&el, "soft", &lim->soft)) < 0 ||
		    (r = read_limit(&el, "hard", &lim->hard)) < 0)
			return r;
		lim->resource = rlimit_from_name(name);
		if (lim->resource < 0)
			return json_fail_key(&el, "type", "unknown limit \"%s\"", name);
		for (size_t j = 0; j < i; j++) {
			if (p->rlimits[j].resource == lim->resource)
				return json_fail_key(&el, "type", "%s is given twice", name);
		}
	}
	return 0;
}

static int read_console(const struct json_at *process, struct oci_process *p)
{
	struct json_at size;
	int64_t rows = 0, cols = 0;
	int r = json_get_object(process, "consoleSize", &size);

	if (r <= 0)
		return r;
	if ((r = json_get_int(&size, "height", 0, UINT16_MAX, &rows)) < 0 ||
	    (r = json_get_int(&size, "width", 0, UINT16_MAX, &cols)) < 0)
		return r;
	p->rows = (uint16_t)rows;
	p->cols = (uint16_t)cols;
	return 0;
}

int oci_process_read(const struct json_at *at, struct oci_process *ret)
{
	struct oci_process p = {.umask = UINT32_MAX, .cwd = ""};
	int64_t oom = 0;
	int r;

	if ((r = json_get_bool(at, "terminal", &p.terminal)) < 0 ||
	    (r = read_console(at, &p)) < 0 || (r = read_user(at, &p)) < 0 ||
	    (r = json_get_strings(at, "args", 0, &p.args, &p.n_args)) < 0 ||
	    (r = json_get_strings(at, "env", 0, &p.env, &p.n_env)) < 0 ||
	    (r = json_get_string(at, "cwd", JSON_REQUIRED | JSON_NOT_EMPTY | JSON_ABSOLUTE,
				 &p.cwd)) < 0 ||
	    (r = read_caps(at, &p)) < 0 || (r = read_rlimits(at, &p)) < 0 ||
	    (r = json_get_bool(at, "noNewPrivileges", &p.no_new_privs)) < 0 ||
	    (r = json_get_string(at, "apparmorProfile", 0, &p.apparmor)) < 0 ||
	    (r = json_get_string(at, "selinuxLabel", 0, &p.selinux)) < 0 ||
	    (r = json_get_int(at, "oomScoreAdj", -1000, 1000, &oom)) < 0)
		return r;
	p.has_oom_score_adj = r == 1;
	p.oom_score_adj = (int)oom;
	*ret = p;
	return 0;
}

int oci_process_validate(const struct json_at *at, const struct oci_process *p)
{
	if (!p->n_args)
		return json_fail_key(at, "args", "must name a program to run");
	if (!p->args[0][0])
		return json_fail_key(at, "args", "the program's name must not be empty");
	for (size_t i = 0; i < p->n_env; i++) {
		if (!strchr(p->env[i], '=') || p->env[i][0] == '=')
			return json_fail_key(at, "env", "\"%.100s\" is not NAME=value", p->env[i]);
	}
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (p->rlimits[i].soft > p->rlimits[i].hard)
			return json_fail_key(at, "rlimits",
					     "element %zu: the soft limit is above the hard one",
					     i);
	}
	if (p->apparmor && p->apparmor[0])
		log_debug(
			"process.apparmorProfile is ignored: the sandbox has its own confinement");
	if (p->selinux && p->selinux[0])
		log_debug("process.selinuxLabel is ignored: the sandbox has its own confinement");
	return 0;
}
