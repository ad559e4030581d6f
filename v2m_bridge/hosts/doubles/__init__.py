"""Stand-ins for other programs, faithful where a mistake would hurt; they ship so that anybody can rehearse."""
