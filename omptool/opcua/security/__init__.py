"""Who the other side is and who we are: certificates, trust, policies, users."""
