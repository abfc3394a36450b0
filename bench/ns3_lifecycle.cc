// The lifecycle of bench/world.py in ns-3: two nodes, one link, COUNT connections of which TOGETHER
// are open at a time, each with handshake, request, response, and the close of both ends, the
// client first. Prints the processor seconds of the simulation alone.
//
//     ns3_lifecycle COUNT TOGETHER

#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

using namespace ns3;

static const uint32_t REQUEST = 100;
static const uint32_t RESPONSE = 100;

static Ptr<Node> client_node;
static Ipv4Address server_address;
static uint32_t left_over;
static uint32_t clients_done;
static uint32_t servers_done;

static void Begin();

static void ClientConnected(Ptr<Socket> socket) { socket->Send(Create<Packet>(REQUEST)); }

static void ClientReads(Ptr<Socket> socket) {
    while (Ptr<Packet> packet = socket->Recv()) {
        if (packet->GetSize() == 0) break;
        if (packet->GetSize() != RESPONSE) NS_FATAL_ERROR("a response in parts");
        socket->Close();
        clients_done++;
        if (left_over) Begin();
    }
}

static void ServerReads(Ptr<Socket> socket) {
    while (Ptr<Packet> packet = socket->Recv()) {
        if (packet->GetSize() == 0) break;
        if (packet->GetSize() != REQUEST) NS_FATAL_ERROR("a request in parts");
        socket->Send(Create<Packet>(RESPONSE));
    }
}

static void ServerSeesEnd(Ptr<Socket> socket) {
    socket->Close();
    servers_done++;
}

static void ServerAccepts(Ptr<Socket> socket, const Address &) {
    socket->SetRecvCallback(MakeCallback(&ServerReads));
    socket->SetCloseCallbacks(MakeCallback(&ServerSeesEnd), MakeNullCallback<void, Ptr<Socket>>());
}

static void Begin() {
    left_over--;
    Ptr<Socket> socket = Socket::CreateSocket(client_node, TcpSocketFactory::GetTypeId());
    socket->SetConnectCallback(MakeCallback(&ClientConnected),
                               MakeNullCallback<void, Ptr<Socket>>());
    socket->SetRecvCallback(MakeCallback(&ClientReads));
    socket->Connect(InetSocketAddress(server_address, 80));
}

static void BeginSome(uint32_t together) {
    for (uint32_t i = 0; i < together && left_over; i++) Begin();
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    uint32_t count = std::atoi(argv[1]);
    uint32_t together = std::atoi(argv[2]);
    left_over = count;
    // 2 MSL are 60 s, as in the other simulation
    Config::SetDefault("ns3::TcpSocketBase::MaxSegLifetime", DoubleValue(30));
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));

    NodeContainer nodes;
    nodes.Create(2);
    client_node = nodes.Get(0);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue("100Gbps"));
    link.SetChannelAttribute("Delay", StringValue("50us"));
    link.SetQueue("ns3::DropTailQueue", "MaxSize", StringValue("100000p"));
    NetDeviceContainer devices = link.Install(nodes);
    InternetStackHelper stack;
    stack.Install(nodes);
    Ipv4AddressHelper addresses;
    addresses.SetBase("10.0.0.0", "255.255.255.0");
    server_address = addresses.Assign(devices).GetAddress(1);

    Ptr<Socket> listener = Socket::CreateSocket(nodes.Get(1), TcpSocketFactory::GetTypeId());
    listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), 80));
    listener->Listen();
    listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address &>(),
                                MakeCallback(&ServerAccepts));
    Simulator::Schedule(Seconds(0), &BeginSome, together);

    std::clock_t begun = std::clock();
    Simulator::Run();
    double took = double(std::clock() - begun) / CLOCKS_PER_SEC;
    if (clients_done != count || servers_done != count) {
        std::fprintf(stderr, "of %u lifecycles %u clients and %u servers ended\n", count,
                     clients_done, servers_done);
        return 1;
    }
    std::printf("%.6f\n", took);
    Simulator::Destroy();
    return 0;
}
