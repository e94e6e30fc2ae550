/* SPDX-License-Identifier: Apache-2.0 */
/* An AF_PACKET socket on an existing interface: packet(7). */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "tap/open.h"
#include "tap/tap.h"
#include "util/cleanup.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define SOCKET_BUFFER (8 << 20)

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_buffers(int fd)
{
	/* The FORCE forms need CAP_NET_ADMIN in the initial user namespace. */
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
}

/* Name, index, mtu, address; refuses what is not Ethernet. */
static int read_interface(int fd, const char *name, struct tap_link *ret)
{
	struct ifreq ifr = {0};

	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	memcpy(ifr.ifr_name, name, strlen(name));
	memcpy(ret->name, ifr.ifr_name, sizeof(ret->name));
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		return -errno;
	ret->ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFMTU, &ifr) < 0)
		return -errno;
	ret->mtu = (uint32_t)ifr.ifr_mtu;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return -errno;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -EMEDIUMTYPE;
	memcpy(ret->mac, ifr.ifr_hwaddr.sa_data, sizeof(ret->mac));
	return 0;
}

/* The host segments and checksums in software what the device cannot, so a vnet header is always
 * honoured; without the device's own offloads it is still cheaper there than here. */
static uint32_t enable_offloads(int fd)
{
	if (set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0)
		return 0;
	return TAP_OFFLOAD_ALL;
}

int tap_open_afpacket(const char *name, struct tap_link *ret)
{
	/* Protocol 0: nothing is received before the bind. */
	CLEANUP(close_fd) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct tap_link link = {0};
	int r;

	if (fd < 0)
		return -errno;
	r = read_interface(fd, name, &link);
	if (r < 0)
		return r;
	link.offloads = enable_offloads(fd);
	if (!link.offloads)
		return -EOPNOTSUPP; /* frame I/O always speaks vnet headers */
	set_buffers(fd);
	r = set_int(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (r < 0)
		return r;
	r = set_int(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	if (r < 0)
		return r;
	/* Wins where the device has a queueing discipline: frames are paced by the stack already.
	 */
	(void)set_int(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);

	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = link.ifindex,
	};

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;

	/* Multicast and group addresses that the sandbox joins, without asking it. */
	struct packet_mreq mreq = {.mr_ifindex = link.ifindex, .mr_type = PACKET_MR_ALLMULTI};

	(void)setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq));
	link.fd = fd;
	fd = -1;
	*ret = link;
	return 0;
}
