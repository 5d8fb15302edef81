package manual

// Contents returns the book of restorefs's commands. topics are what their descriptions have in
// common.
func Contents(topics []Topic) Book {
	return Book{Sections: sections(), Groups: groups(), Examples: examples, Topics: topics}
}
