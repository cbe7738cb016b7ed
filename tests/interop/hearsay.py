from peer import Peer
class HearsayPeer(Peer):
    kind="hearsay"
