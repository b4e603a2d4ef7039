"""The documentation's site: pages made from configs and code, links, the picture of the house."""
