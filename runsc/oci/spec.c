/* SPDX-License-Identifier: Apache-2.0 */
/* config.json into struct oci_spec: types and ranges. One function per object of the document. */
#include "oci/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const hook_names[OCI_N_HOOKS] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

const char *oci_hook_name(enum oci_hook_kind kind)
{
	return hook_names[kind];
}

static int read_root(const struct json_at *doc, struct oci_spec *spec)
{
	struct json_at at;
	int r = json_get_object(doc, "root", &at);

	if (r <= 0)
		return r;
	spec->has_root = true;
	r = json_get_string(&at, "path", JSON_REQUIRED | JSON_NOT_EMPTY, &spec->root_path);
	if (r < 0)
		return r;
	return json_get_bool(&at, "readonly", &spec->root_readonly);
}

static int read_hook(const struct json_at *at, struct oci_hook *hook)
{
	int64_t timeout = 0;
	int r;

	if ((r = json_get_string(at, "path", JSON_REQUIRED | JSON_NOT_EMPTY | JSON_ABSOLUTE,
				 &hook->path)) < 0 ||
	    (r = json_get_strings(at, "args", 0, &hook->args, NULL)) < 0 ||
	    (r = json_get_strings(at, "env", 0, &hook->env, NULL)) < 0)
		return r;
	r = json_get_int(at, "timeout", 1, INT32_MAX, &timeout);
	hook->timeout_s = (int)timeout;
	return r;
}

static int read_hooks(const struct json_at *doc, struct oci_spec *spec)
{
	struct json_at hooks, array, el;
	int r = json_get_object(doc, "hooks", &hooks);

	if (r <= 0)
		return r;
	for (int kind = 0; kind < OCI_N_HOOKS; kind++) {
		struct oci_hook_list *list = &spec->hooks[kind];

		r = json_get_array(&hooks, hook_names[kind], &array);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		list->n = json_array_size(array.v);
		list->items = json_alloc(doc->doc, list->n, sizeof(*list->items));
		if (!list->items)
			return json_fail(&array, "out of memory");
		for (size_t i = 0; i < list->n; i++) {
			if ((r = json_element(&array, i, &el)) < 0 ||
			    (r = read_hook(&el, &list->items[i])) < 0)
				return r;
		}
	}
	return 0;
}

static int read_string_map(const struct json_at *parent, const char *key, json_t **ret)
{
	struct json_at map;
	const char *name;
	json_t *v;
	int r = json_get_object(parent, key, &map);

	if (r <= 0)
		return r;
	json_object_foreach(map.v, name, v)
	{
		if (!json_is_string(v))
			return json_fail_key(&map, name, "expected a string");
	}
	*ret = map.v;
	return 0;
}

static int read_namespaces(const struct json_at *linux_at, struct oci_spec *spec)
{
	static const char *const names[OCI_N_NAMESPACES] = {
		"pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time",
	};
	struct json_at array, el;
	int r = json_get_array(linux_at, "namespaces", &array);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_array_size(array.v); i++) {
		const char *type = NULL, *path = NULL;
		int ns = 0;

		if ((r = json_element(&array, i, &el)) < 0 ||
		    (r = json_get_string(&el, "type", JSON_REQUIRED, &type)) < 0 ||
		    (r = json_get_string(&el, "path", JSON_ABSOLUTE, &path)) < 0)
			return r;
		while (ns < OCI_N_NAMESPACES && strcmp(type, names[ns]))
			ns++;
		if (ns == OCI_N_NAMESPACES)
			return json_fail_key(&el, "type", "unknown namespace \"%s\"", type);
		if (spec->namespaces[ns].present)
			return json_fail_key(&el, "type", "namespace \"%s\" is given twice", type);
		spec->namespaces[ns].present = true;
		spec->namespaces[ns].path = path && path[0] ? path : NULL;
	}
	return 0;
}

static int read_id_maps(const struct json_at *linux_at, const char *key, struct oci_id_map **ret,
			size_t *ret_n)
{
	struct json_at array, el;
	struct oci_id_map *maps;
	int r = json_get_array(linux_at, key, &array);

	if (r <= 0)
		return r;
	*ret_n = json_array_size(array.v);
	maps = json_alloc(linux_at->doc, *ret_n, sizeof(*maps));
	if (!maps)
		return json_fail(&array, "out of memory");
	for (size_t i = 0; i < *ret_n; i++) {
		if ((r = json_element(&array, i, &el)) < 0 ||
		    (r = json_get_u32(&el, "containerID", &maps[i].container)) < 0 ||
		    (r = json_get_u32(&el, "hostID", &maps[i].host)) < 0 ||
		    (r = json_get_u32(&el, "size", &maps[i].size)) < 0)
			return r;
		if (!maps[i].size)
			return json_fail_key(&el, "size", "must be above 0");
	}
	*ret = maps;
	return 0;
}

static int read_device(const struct json_at *at, struct oci_device *dev)
{
	const char *type = NULL;
	int64_t mode = 0666;
	int r;

	dev->major = dev->minor = -1;
	if ((r = json_get_string(at, "path", JSON_REQUIRED | JSON_NOT_EMPTY | JSON_ABSOLUTE,
				 &dev->path)) < 0 ||
	    (r = json_get_string(at, "type", JSON_REQUIRED, &type)) < 0 ||
	    (r = json_get_int(at, "major", -1, UINT32_MAX, &dev->major)) < 0 ||
	    (r = json_get_int(at, "minor", -1, UINT32_MAX, &dev->minor)) < 0 ||
	    (r = json_get_int(at, "fileMode", 0, 0177777, &mode)) < 0 ||
	    (r = json_get_u32(at, "uid", &dev->uid)) < 0 ||
	    (r = json_get_u32(at, "gid", &dev->gid)) < 0)
		return r;
	if (strlen(type) != 1 || !strchr("cbpu", type[0]))
		return json_fail_key(at, "type", "\"%s\" is not one of c, b, u, p", type);
	dev->type = type[0];
	dev->mode = (uint32_t)mode;
	if (dev->type != 'p' && (dev->major < 0 || dev->minor < 0))
		return json_fail_key(at, dev->major < 0 ? "major" : "minor", "is required");
	return 0;
}

static int read_devices(const struct json_at *linux_at, struct oci_spec *spec)
{
	struct json_at array, el;
	int r = json_get_array(linux_at, "devices", &array);

	if (r <= 0)
		return r;
	spec->n_devices = json_array_size(array.v);
	spec->devices = json_alloc(linux_at->doc, spec->n_devices, sizeof(*spec->devices));
	if (!spec->devices)
		return json_fail(&array, "out of memory");
	for (size_t i = 0; i < spec->n_devices; i++) {
		if ((r = json_element(&array, i, &el)) < 0 ||
		    (r = read_device(&el, &spec->devices[i])) < 0)
			return r;
	}
	return 0;
}

static int read_sysctls(const struct json_at *linux_at, struct oci_spec *spec)
{
	json_t *map = NULL, *v;
	const char *key, **list;
	size_t n = 0;
	int r = read_string_map(linux_at, "sysctl", &map);

	if (r < 0 || !map)
		return r;
	list = json_alloc(linux_at->doc, json_object_size(map) + 1, sizeof(*list));
	if (!list)
		return json_fail(linux_at, "out of memory");
	json_object_foreach(map, key, v)
	{
		size_t len = strlen(key) + json_string_length(v) + 2;
		char *text = json_alloc(linux_at->doc, len, 1);

		if (!text)
			return json_fail(linux_at, "out of memory");
		snprintf(text, len, "%s=%s", key, json_string_value(v));
		list[n++] = text;
	}
	spec->sysctls = list;
	return 0;
}

void oci_resources_init(struct oci_resources *r)
{
	*r = (struct oci_resources){
		.memory_limit = -1,
		.memory_reservation = -1,
		.memory_swap = -1,
		.cpu_shares = -1,
		.cpu_quota = 0,
		.cpu_period = -1,
		.pids_limit = -1,
	};
}

int oci_resources_read(const struct json_at *at, struct oci_resources *ret)
{
	struct json_at memory, cpu, pids;
	int r;

	r = json_get_object(at, "memory", &memory);
	if (r < 0)
		return r;
	if (r && ((r = json_get_int(&memory, "limit", -1, INT64_MAX, &ret->memory_limit)) < 0 ||
		  (r = json_get_int(&memory, "reservation", -1, INT64_MAX,
				    &ret->memory_reservation)) < 0 ||
		  (r = json_get_int(&memory, "swap", -1, INT64_MAX, &ret->memory_swap)) < 0 ||
		  (r = json_get_bool(&memory, "disableOOMKiller", &ret->oom_disabled)) < 0))
		return r;
	r = json_get_object(at, "cpu", &cpu);
	if (r < 0)
		return r;
	if (r && ((r = json_get_int(&cpu, "shares", 0, INT64_MAX, &ret->cpu_shares)) < 0 ||
		  (r = json_get_int(&cpu, "quota", -1, INT64_MAX, &ret->cpu_quota)) < 0 ||
		  (r = json_get_int(&cpu, "period", 0, INT64_MAX, &ret->cpu_period)) < 0 ||
		  (r = json_get_string(&cpu, "cpus", 0, &ret->cpuset_cpus)) < 0 ||
		  (r = json_get_string(&cpu, "mems", 0, &ret->cpuset_mems)) < 0))
		return r;
	r = json_get_object(at, "pids", &pids);
	if (r < 0)
		return r;
	if (r) {
		r = json_get_int(&pids, "limit", -1, INT64_MAX, &ret->pids_limit);
		if (r < 0)
			return r;
		ret->has_pids = r == 1;
	}
	return read_string_map(at, "unified", &ret->unified);
}

static int read_linux(const struct json_at *doc, struct oci_spec *spec)
{
	struct json_at at, sub;
	int r = json_get_object(doc, "linux", &at);

	if (r <= 0)
		return r;
	if ((r = read_namespaces(&at, spec)) < 0 ||
	    (r = read_id_maps(&at, "uidMappings", &spec->uid_maps, &spec->n_uid_maps)) < 0 ||
	    (r = read_id_maps(&at, "gidMappings", &spec->gid_maps, &spec->n_gid_maps)) < 0 ||
	    (r = read_devices(&at, spec)) < 0 ||
	    (r = json_get_string(&at, "cgroupsPath", 0, &spec->cgroups_path)) < 0 ||
	    (r = read_sysctls(&at, spec)) < 0 ||
	    (r = json_get_strings(&at, "maskedPaths", JSON_ABSOLUTE, &spec->masked_paths, NULL)) <
		    0 ||
	    (r = json_get_strings(&at, "readonlyPaths", JSON_ABSOLUTE, &spec->readonly_paths,
				  NULL)) < 0 ||
	    (r = json_get_string(&at, "rootfsPropagation", 0, &spec->rootfs_propagation)) < 0 ||
	    (r = json_get_string(&at, "mountLabel", 0, &spec->mount_label)) < 0)
		return r;
	r = json_get_object(&at, "resources", &sub);
	if (r == 1)
		r = oci_resources_read(&sub, &spec->resources);
	if (r < 0)
		return r;
	r = json_get_object(&at, "seccomp", &sub);
	spec->has_seccomp = r == 1;
	if (r < 0)
		return r;
	r = json_get_object(&at, "intelRdt", &sub);
	spec->has_intel_rdt = r == 1;
	return r;
}

static int read_document(struct oci_spec *spec)
{
	struct json_at at = {.doc = &spec->doc, .v = spec->doc.root};
	struct json_at process;
	int r;

	oci_resources_init(&spec->resources);
	if ((r = json_get_string(&at, "ociVersion", JSON_REQUIRED | JSON_NOT_EMPTY,
				 &spec->version)) < 0 ||
	    (r = read_root(&at, spec)) < 0)
		return r;
	r = json_get_object(&at, "process", &process);
	if (r == 1) {
		spec->has_process = true;
		r = oci_process_read(&process, &spec->process);
	}
	if (r < 0)
		return r;
	if ((r = json_get_string(&at, "hostname", 0, &spec->hostname)) < 0 ||
	    (r = json_get_string(&at, "domainname", 0, &spec->domainname)) < 0 ||
	    (r = oci_mounts_read(&at, spec)) < 0 || (r = read_hooks(&at, spec)) < 0 ||
	    (r = read_string_map(&at, "annotations", &spec->annotations)) < 0)
		return r;
	return read_linux(&at, spec);
}

static int finish(struct oci_spec *spec, int r)
{
	if (r >= 0)
		r = read_document(spec);
	if (r < 0)
		oci_spec_fini(spec);
	return r < 0 ? r : 0;
}

int oci_spec_load(struct oci_spec *spec, const char *path, struct cause *cause)
{
	*spec = (struct oci_spec){0};
	return finish(spec, json_doc_load(&spec->doc, "config.json", path, cause));
}

int oci_spec_parse(struct oci_spec *spec, const void *data, size_t len, struct cause *cause)
{
	*spec = (struct oci_spec){0};
	return finish(spec, json_doc_parse(&spec->doc, "config.json", data, len, cause));
}

void oci_spec_fini(struct oci_spec *spec)
{
	json_doc_fini(&spec->doc);
}
