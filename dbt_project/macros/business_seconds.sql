{#- Working seconds of a calendar from its first day to a moment; `day` is the row of dim_calendars
    that holds the moment. The difference of two of them is the working time between.
    What began on the day before is in `open_before_s` to its end: what is left of it goes off. -#}
{% macro business_seconds_at(moment, day) -%}
    (
        {{ day }}.open_before_s
        + least(
            greatest({{ seconds_between(day ~ '.opens_at', moment) }}, 0),
            {{ day }}.open_s
        )
        - greatest({{ seconds_between(moment, day ~ '.previous_closes_at') }}, 0)
    )
{%- endmacro %}
