/* SPDX-License-Identifier: Apache-2.0 */
/* A tap device with vnet headers and offloads: Documentation/networking/tuntap of the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap/open.h"
#include "tap/tap.h"
#include "util/cleanup.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int tap_random_mac(uint8_t ret[6])
{
	if (getrandom(ret, 6, 0) != 6)
		return -EIO;
	ret[0] = (uint8_t)((ret[0] & 0xfe) | 0x02);
	return 0;
}

/* The offload set grows with host versions: take the largest that is accepted. */
static uint32_t enable_offloads(int fd)
{
	static const struct {
		unsigned long tun;
		uint32_t tap;
	} sets[] = {
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
		 TAP_OFFLOAD_ALL},
		{TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
		 TAP_OFFLOAD_ALL & ~(uint32_t)TAP_OFFLOAD_USO},
		{TUN_F_CSUM, TAP_OFFLOAD_CSUM},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		if (ioctl(fd, TUNSETOFFLOAD, sets[i].tun) == 0)
			return sets[i].tap;
	}
	(void)ioctl(fd, TUNSETOFFLOAD, 0UL);
	return 0;
}

static int set_flags_up(int sock, struct ifreq *ifr)
{
	if (ioctl(sock, SIOCGIFFLAGS, ifr) < 0)
		return -errno;
	ifr->ifr_flags = (short)(ifr->ifr_flags | IFF_UP);
	return ioctl(sock, SIOCSIFFLAGS, ifr) < 0 ? -errno : 0;
}

/* mtu and up, through a socket of this namespace. */
static int configure(const struct tap_tun_config *cfg, struct tap_link *link)
{
	CLEANUP(close_fd) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {0};

	if (sock < 0)
		return -errno;
	memcpy(ifr.ifr_name, link->name, IFNAMSIZ);
	if (cfg->mtu) {
		ifr.ifr_mtu = (int)cfg->mtu;
		if (ioctl(sock, SIOCSIFMTU, &ifr) < 0)
			return -errno;
	}
	if (ioctl(sock, SIOCGIFMTU, &ifr) < 0)
		return -errno;
	link->mtu = (uint32_t)ifr.ifr_mtu;
	if (ioctl(sock, SIOCGIFINDEX, &ifr) < 0)
		return -errno;
	link->ifindex = ifr.ifr_ifindex;
	return cfg->up ? set_flags_up(sock, &ifr) : 0;
}

int tap_open_tuntap(const struct tap_tun_config *cfg, struct tap_link *ret)
{
	CLEANUP(close_fd) int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	struct tap_link link = {0};
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(cfg->name) >= IFNAMSIZ)
		return -EINVAL;
	memcpy(ifr.ifr_name, cfg->name, strlen(cfg->name));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return -errno;
	memcpy(link.name, ifr.ifr_name, sizeof(link.name));

	int hdr_len = TAP_VNET_HDR_LEN;

	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0)
		return -errno;
	link.offloads = enable_offloads(fd);
	if (cfg->persist && ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return -errno;
	r = configure(cfg, &link);
	if (r < 0)
		return r;
	if (cfg->guest_mac)
		memcpy(link.mac, cfg->guest_mac, sizeof(link.mac));
	else
		r = tap_random_mac(link.mac);
	if (r < 0)
		return r;
	link.fd = fd;
	fd = -1;
	*ret = link;
	return 0;
}
