"""A spooling forwarder beside clients that give up soon: takes events at once, delivers them."""
