{{ flow_table('metric_flow_team_increment_total_key', 'increment', by_team=true) }}
