/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts array: config.md "Mounts", and the option words of mount(8) that runc takes. */
#include <string.h>
#include <sys/mount.h>

#include "cli/log.h"
#include "oci/spec.h"

static const struct {
	const char *name;
	unsigned long set, clear;
} flag_words[] = {
	{"ro", MS_RDONLY, 0},
	{"rw", 0, MS_RDONLY},
	{"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},
	{"nodev", MS_NODEV, 0},
	{"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},
	{"exec", 0, MS_NOEXEC},
	{"noatime", MS_NOATIME, 0},
	{"atime", 0, MS_NOATIME},
	{"nodiratime", MS_NODIRATIME, 0},
	{"diratime", 0, MS_NODIRATIME},
	{"relatime", MS_RELATIME, 0},
	{"norelatime", 0, MS_RELATIME},
	{"strictatime", MS_STRICTATIME, 0},
	{"nostrictatime", 0, MS_STRICTATIME},
	{"sync", MS_SYNCHRONOUS, 0},
	{"async", 0, MS_SYNCHRONOUS},
	{"dirsync", MS_DIRSYNC, 0},
	{"mand", MS_MANDLOCK, 0},
	{"nomand", 0, MS_MANDLOCK},
	{"iversion", MS_I_VERSION, 0},
	{"noiversion", 0, MS_I_VERSION},
	{"lazytime", MS_LAZYTIME, 0},
	{"nolazytime", 0, MS_LAZYTIME},
	{"silent", MS_SILENT, 0},
	{"loud", 0, MS_SILENT},
	{"defaults", 0, 0},
	{"remount", MS_REMOUNT, 0},
	/* mount_setattr forms, applied to the whole tree */
	{"rro", MS_RDONLY, 0},
	{"rrw", 0, MS_RDONLY},
	{"rnosuid", MS_NOSUID, 0},
	{"rsuid", 0, MS_NOSUID},
	{"rnodev", MS_NODEV, 0},
	{"rdev", 0, MS_NODEV},
	{"rnoexec", MS_NOEXEC, 0},
	{"rexec", 0, MS_NOEXEC},
	{"rnoatime", MS_NOATIME, 0},
	{"ratime", 0, MS_NOATIME},
	{"rnodiratime", MS_NODIRATIME, 0},
	{"rdiratime", 0, MS_NODIRATIME},
	{"rrelatime", MS_RELATIME, 0},
	{"rnorelatime", 0, MS_RELATIME},
	{"rstrictatime", MS_STRICTATIME, 0},
	{"rnostrictatime", 0, MS_STRICTATIME},
};

static const struct {
	const char *name;
	unsigned long flags;
} propagation_words[] = {
	{"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
	{"shared", MS_SHARED},	       {"rshared", MS_SHARED | MS_REC},
	{"slave", MS_SLAVE},	       {"rslave", MS_SLAVE | MS_REC},
	{"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

/* Returns true when the word is an option of every file system; else it goes to the data string. */
static bool apply_word(struct oci_mount *m, const char *word, bool *bind)
{
	for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
		if (strcmp(word, flag_words[i].name))
			continue;
		m->flags = (m->flags & ~flag_words[i].clear) | flag_words[i].set;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(propagation_words); i++) {
		if (strcmp(word, propagation_words[i].name))
			continue;
		m->propagation = propagation_words[i].flags;
		return true;
	}
	if (!strcmp(word, "bind") || !strcmp(word, "rbind")) {
		*bind = true;
		m->recursive |= word[0] == 'r';
		return true;
	}
	if (!strcmp(word, "tmpcopyup")) {
		m->copy_up = true;
		return true;
	}
	return !strcmp(word, "idmap") || !strcmp(word, "ridmap") || !strcmp(word, "z") ||
	       !strcmp(word, "Z") || !word[0];
}

static enum oci_mount_kind kind_of(const struct oci_mount *m, bool bind)
{
	static const struct {
		const char *type;
		enum oci_mount_kind kind;
	} types[] = {
		{"tmpfs", OCI_MOUNT_TMPFS},   {"proc", OCI_MOUNT_PROC},
		{"sysfs", OCI_MOUNT_SYSFS},   {"devtmpfs", OCI_MOUNT_DEV},
		{"devpts", OCI_MOUNT_DEVPTS}, {"mqueue", OCI_MOUNT_MQUEUE},
		{"cgroup", OCI_MOUNT_CGROUP}, {"cgroup2", OCI_MOUNT_CGROUP},
	};

	if (bind || !strcmp(m->type, "bind") || !strcmp(m->type, "rbind"))
		return OCI_MOUNT_BIND;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(m->type, types[i].type))
			continue;
		/* The usual /dev is a tmpfs that the runtime fills with devices. */
		if (types[i].kind == OCI_MOUNT_TMPFS && !strcmp(m->destination, "/dev"))
			return OCI_MOUNT_DEV;
		return types[i].kind;
	}
	return OCI_MOUNT_UNKNOWN;
}

static int read_options(const struct json_at *at, struct oci_mount *m)
{
	size_t room = 1, len = 0;
	bool bind = false;
	char *data;

	for (size_t i = 0; i < m->n_options; i++)
		room += strlen(m->options[i]) + 1;
	data = json_alloc(at->doc, room, 1);
	if (!data)
		return json_fail(at, "out of memory");
	for (size_t i = 0; i < m->n_options; i++) {
		const char *word = m->options[i];

		if (apply_word(m, word, &bind))
			continue;
		if (len)
			data[len++] = ',';
		memcpy(data + len, word, strlen(word));
		len += strlen(word);
	}
	m->data = data;
	m->kind = kind_of(m, bind);
	if (m->kind == OCI_MOUNT_BIND && len)
		log_warn("config.json: mount of %s: \"%.100s\" means nothing for a bind mount", m->destination,
			 data);
	return 0;
}

static int read_mount(const struct json_at *at, struct oci_mount *m)
{
	int r;

	m->type = m->source = "";
	if ((r = json_get_string(at, "destination", JSON_REQUIRED | JSON_NOT_EMPTY | JSON_ABSOLUTE,
				 &m->destination)) < 0 ||
	    (r = json_get_string(at, "type", 0, &m->type)) < 0 ||
	    (r = json_get_string(at, "source", 0, &m->source)) < 0 ||
	    (r = json_get_strings(at, "options", 0, &m->options, &m->n_options)) < 0)
		return r;
	r = read_options(at, m);
	if (r < 0)
		return r;
	if (m->kind == OCI_MOUNT_BIND && !m->source[0])
		return json_fail_key(at, "source", "is required for a bind mount");
	if (m->kind == OCI_MOUNT_UNKNOWN && !m->type[0])
		return json_fail_key(at, "type", "is required");
	return 0;
}

int oci_mounts_read(const struct json_at *root, struct oci_spec *spec)
{
	struct json_at array, el;
	int r = json_get_array(root, "mounts", &array);

	if (r <= 0)
		return r;
	spec->n_mounts = json_array_size(array.v);
	spec->mounts = json_alloc(root->doc, spec->n_mounts, sizeof(*spec->mounts));
	if (!spec->mounts)
		return json_fail(&array, "out of memory");
	for (size_t i = 0; i < spec->n_mounts; i++) {
		r = json_element(&array, i, &el);
		if (r < 0)
			return r;
		r = read_mount(&el, &spec->mounts[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
